// The suite's command line knows no tokens: this adds one to everything it sends, by fetch and by
// http.request, unless a scenario brings its own.
import http from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import { Agent, setGlobalDispatcher } from 'undici';

const token = `Bearer ${process.env.MCP_TOKEN}`;
const names = (headers) => (Array.isArray(headers) ? headers.filter((_, i) => i % 2 === 0) : Object.keys(headers ?? {}));
const authorized = (headers) => names(headers).some((name) => String(name).toLowerCase() === 'authorization');
const with_token = (headers) => {
  if (authorized(headers)) return headers;
  return Array.isArray(headers) ? [...headers, 'authorization', token] : { ...headers, authorization: token };
};

const compose = (dispatch) => (options, handler) =>
  dispatch({ ...options, headers: with_token(options.headers) }, handler);
setGlobalDispatcher(new Agent().compose(compose));

const request = http.request;
http.request = (options, callback) => request({ ...options, headers: with_token(options.headers) }, callback);
syncBuiltinESMExports();
