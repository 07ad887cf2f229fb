#!/bin/sh
# A server of MCP 2026-07-28 and nothing else, on standard input and output. Ids of requests are
# the gateway's numbers.
while IFS= read -r line; do
    id=$(printf '%s' "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
    answer() { printf '{"jsonrpc":"2.0","id":%s,"result":{"resultType":"complete",%s}}\n' "$id" "$1"; }
    case "$line" in
    *'"server/discover"'*)
        answer '"supportedVersions":["2026-07-28"],"capabilities":{"tools":{"listChanged":true}},"ttlMs":0,"cacheScope":"private"'
        ;;
    *'"initialize"'*)
        printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-32022,"message":"no","data":{"supported":["2026-07-28"]}}}\n' "$id"
        ;;
    *'"tools/list"'*) answer '"tools":[{"name":"echo","inputSchema":{"type":"object"}}],"ttlMs":0,"cacheScope":"private"' ;;
    *'"subscriptions/listen"'*)
        tag='"_meta":{"io.modelcontextprotocol/subscriptionId":'$id'}'
        printf '{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{%s,"notifications":{}}}\n' "$tag"
        printf '{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{%s}}\n' "$tag"
        ;;
    *'"notifications/cancelled"'*) printf '%s\n' "$line" >>"$SEEN" ;;
    *'"inputResponses"'*) answer '"content":[{"type":"text","text":"answered"}]' ;;
    *'"name":"ask"'*)
        printf '{"jsonrpc":"2.0","id":%s,"result":{"resultType":"input_required","requestState":"s","inputRequests":{"k":{"method":"elicitation/create","params":{"message":"name?","requestedSchema":{"type":"object","properties":{}}}}}}}\n' "$id"
        ;;
    *'"name":"slow"'*)
        printf '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":%s,"progress":1}}\n' "$id"
        ;;
    *'"tools/call"'*) answer '"content":[{"type":"text","text":"'"$$"'"}]' ;;
    *) printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no such method"}}\n' "$id" ;;
    esac
done
