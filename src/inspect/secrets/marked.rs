//! Fixed forms whose prefix ends in `_` or `-`.
//!
//! A row says what the issuer documents or, where it documents nothing, what its tokens
//! are seen to be; the sources are the issuers' pages on their tokens and the published
//! rules of gitleaks. A documented length is the shortest that counts; longer tokens count
//! too, for issuers lengthen them. Where a prefix says little, the length is exact or the
//! body must look random.

use super::rows::Piece::{Run, Text};
use super::rows::{BODY_BYTES_MAX as MAX, Index, Key, Row, row};
use super::sets::Set;
use crate::inspect::scan::Scan;

/// The end of the secret whose prefix ends at `at`, once it is recorded.
pub(super) fn find(scan: &mut Scan<'_, '_>, at: usize) -> Option<usize> {
    INDEX.ending(&ROWS, scan, at)
}

static INDEX: Index<COUNT> = Index::new(&ROWS, Key::End);

/// How many rows there are.
const COUNT: usize = 199;

const ALNUM: Set = Set::ALNUM;
const URL: Set = Set::BASE64URL;
const HEX: Set = Set::HEX;
const UUID: &[super::rows::Piece] = &[Run(Set::UUID, 36, 36)];

pub(super) static ROWS: [Row; COUNT] = [
    // GitHub: personal, OAuth, user-to-server, refresh; six check characters.
    row(b"ghp_", &[Run(ALNUM, 36, MAX)]).checksum(),
    row(b"gho_", &[Run(ALNUM, 36, MAX)]).checksum(),
    row(b"ghu_", &[Run(ALNUM, 36, MAX)]).checksum(),
    row(b"ghr_", &[Run(ALNUM, 36, MAX)]).checksum(),
    // GitHub, server-to-server: also `ghs_`, application id, `_`, JSON web token (2026).
    row(b"ghs_", &[Run(Set::DOTTED, 36, MAX)]).checksum(),
    // GitHub, fine-grained: 22 and 59 characters around `_`.
    row(b"github_pat_", &[Run(URL, 50, MAX)]),
    // npm: as GitHub.
    row(b"npm_", &[Run(ALNUM, 36, MAX)]).checksum(),
    // Sallyport's own API keys: id, secret, check characters (`crate::api_key`).
    row(b"spk_", &[Run(Set::LOWER_ALNUM, 12, 12), Text(b"_"), Run(URL, 50, MAX)]),
    // GitLab: personal, deploy, runner, job, trigger, feed, mail, agent, OAuth, SCIM,
    // feature flag, workspace. Routable ones carry dots.
    row(b"glpat-", &[Run(Set::DOTTED, 20, MAX)]),
    row(b"gldt-", &[Run(Set::DOTTED, 20, MAX)]),
    row(b"glrt-", &[Run(Set::DOTTED, 20, MAX)]),
    row(b"glrtr-", &[Run(Set::DOTTED, 20, MAX)]),
    row(b"glcbt-", &[Run(Set::DOTTED, 20, MAX)]),
    row(b"glptt-", &[Run(Set::DOTTED, 20, MAX)]),
    row(b"glft-", &[Run(Set::DOTTED, 20, MAX)]),
    row(b"glimt-", &[Run(Set::DOTTED, 20, MAX)]),
    row(b"glagent-", &[Run(Set::DOTTED, 20, MAX)]),
    row(b"gloas-", &[Run(Set::DOTTED, 20, MAX)]),
    row(b"glsoat-", &[Run(Set::DOTTED, 20, MAX)]),
    row(b"glffct-", &[Run(Set::DOTTED, 20, MAX)]),
    row(b"glwt-", &[Run(Set::DOTTED, 20, MAX)]),
    // Slack: bot, user, workspace, refresh, legacy, client, cookie; configuration; app
    // level; workflow.
    row(b"xoxe.xoxb-", &[Run(URL, 20, MAX)]),
    row(b"xoxe.xoxp-", &[Run(URL, 20, MAX)]),
    row(b"xoxb-", &[Run(URL, 20, MAX)]),
    row(b"xoxp-", &[Run(URL, 20, MAX)]),
    row(b"xoxa-", &[Run(URL, 20, MAX)]),
    row(b"xoxr-", &[Run(URL, 20, MAX)]),
    row(b"xoxs-", &[Run(URL, 20, MAX)]),
    row(b"xoxo-", &[Run(Set::DIGIT, 8, 14), Text(b"-"), Run(URL, 16, MAX)]),
    row(b"xoxc-", &[Run(URL, 20, MAX)]),
    row(b"xoxd-", &[Run(Set::BASE64_PERCENT, 20, MAX)]),
    row(b"xoxe-", &[Run(URL, 20, MAX)]),
    row(b"xapp-", &[Run(URL, 20, MAX)]),
    row(b"xwfp-", &[Run(URL, 20, MAX)]),
    // Stripe: secret and restricted keys, webhook secrets. Paystack, Clerk and WorkOS
    // write theirs alike; Checkout.com puts a UUID there.
    row(b"sk_live_", &[Run(ALNUM, 16, MAX)]),
    row(b"sk_test_", &[Run(ALNUM, 16, MAX)]),
    row(b"sk_prod_", &[Run(ALNUM, 16, MAX)]),
    row(b"rk_live_", &[Run(ALNUM, 16, MAX)]),
    row(b"rk_test_", &[Run(ALNUM, 16, MAX)]),
    row(b"rk_prod_", &[Run(ALNUM, 16, MAX)]),
    // Razorpay: key ids, which the issuer documents with 14 characters.
    row(b"rzp_live_", &[Run(ALNUM, 14, 14)]),
    row(b"rzp_test_", &[Run(ALNUM, 14, 14)]),
    row(b"sk_live_", UUID),
    row(b"sk_test_", UUID),
    row(b"sk_org_", &[Run(URL, 16, MAX)]).random(),
    row(b"whsec_", &[Run(Set::BASE64, 32, MAX)]),
    // Square: access token, application secret.
    row(b"sq0atp-", &[Run(URL, 22, MAX)]),
    row(b"sq0csp-", &[Run(URL, 43, MAX)]),
    // Shopify: access, custom app, private app, shared secret; partner API.
    row(b"shpat_", &[Run(HEX, 32, MAX)]),
    row(b"shpca_", &[Run(HEX, 32, MAX)]),
    row(b"shppa_", &[Run(HEX, 32, MAX)]),
    row(b"shpss_", &[Run(HEX, 32, MAX)]),
    row(b"prtapi_", &[Run(HEX, 32, MAX)]),
    // Flutterwave, test and live.
    row(b"FLWSECK_TEST-", &[Run(URL, 12, MAX)]),
    row(b"FLWSECK-", &[Run(HEX, 32, 32), Text(b"-X")]),
    // Plaid.
    row(b"access-sandbox-", UUID),
    row(b"access-development-", UUID),
    row(b"access-production-", UUID),
    // Braintree: access token with the merchant's id.
    row(
        b"access_",
        &[
            Text(b"token$production$"),
            Run(Set::LOWER_ALNUM, 16, 16),
            Text(b"$"),
            Run(Set::HEX_LOWER, 32, 32),
        ],
    ),
    // Lob, Duffel, Shippo, Ramp, Persona, Stytch.
    row(b"live_", &[Run(Set::HEX_LOWER, 35, 35)]).alone(),
    row(b"test_", &[Run(Set::HEX_LOWER, 35, 35)]).alone(),
    row(b"duffel_live_", &[Run(URL, 43, MAX)]),
    row(b"duffel_test_", &[Run(URL, 43, MAX)]),
    row(b"shippo_live_", &[Run(HEX, 40, MAX)]),
    row(b"shippo_test_", &[Run(HEX, 40, MAX)]),
    row(b"ramp_sec_", &[Run(ALNUM, 48, MAX)]),
    row(b"persona_production_", UUID),
    row(b"persona_sandbox_", UUID),
    row(b"secret-live-", &[Run(URL, 35, MAX)]).random(),
    row(b"secret-test-", &[Run(URL, 35, MAX)]).random(),
    // Brevo: API and SMTP keys. Mailchimp Transactional. Mailgun.
    row(b"xkeysib-", &[Run(Set::HEX_LOWER, 64, 64), Text(b"-"), Run(ALNUM, 16, 16)]),
    row(b"xsmtpsib-", &[Run(Set::HEX_LOWER, 64, 64), Text(b"-"), Run(ALNUM, 16, 16)]),
    row(b"md-", &[Run(URL, 22, 22)]).random(),
    row(b"key-", &[Run(Set::HEX_LOWER, 32, 32)]).alone(),
    // Resend.
    row(b"re_", &[Run(ALNUM, 8, 8), Text(b"_"), Run(ALNUM, 24, 24)]).alone(),
    // OpenAI: project, service account and admin keys carry `T3BlbkFJ` in the middle.
    row(b"sk-proj-", &[Run(URL, 32, MAX)]),
    row(b"sk-svcacct-", &[Run(URL, 32, MAX)]),
    row(b"sk-admin-", &[Run(URL, 32, MAX)]),
    // Anthropic, OpenRouter, Langfuse; the bare prefix is shared by many.
    row(b"sk-ant-", &[Run(URL, 32, MAX)]),
    row(b"sk-or-v1-", &[Run(HEX, 64, MAX)]),
    row(b"sk-lf-", UUID),
    row(b"sk-", &[Run(URL, 20, MAX)]).random(),
    // ElevenLabs.
    row(b"sk_", &[Run(Set::HEX_LOWER, 48, 48)]).alone(),
    // Hugging Face: users and organisations.
    row(b"hf_", &[Run(ALNUM, 30, MAX)]),
    row(b"api_org_", &[Run(ALNUM, 34, MAX)]),
    // Groq, Replicate, xAI, Perplexity, Cerebras, Together, Fireworks, Pinecone, Jina.
    row(b"gsk_", &[Run(ALNUM, 40, MAX)]),
    row(b"r8_", &[Run(ALNUM, 37, 37)]),
    row(b"xai-", &[Run(ALNUM, 64, MAX)]),
    row(b"pplx-", &[Run(ALNUM, 40, MAX)]),
    row(b"csk-", &[Run(ALNUM, 40, MAX)]),
    row(b"tgp_v1_", &[Run(URL, 40, MAX)]),
    row(b"fw_", &[Run(ALNUM, 22, 24)]).random(),
    row(b"pcsk_", &[Run(URL, 40, MAX)]),
    row(b"jina_", &[Run(URL, 60, MAX)]),
    // Voyage, Tavily, Firecrawl, E2B, LangSmith, Weights & Biases.
    row(b"pa-", &[Run(URL, 43, 43)]).random(),
    row(b"tvly-", &[Run(URL, 32, MAX)]),
    row(b"fc-", &[Run(Set::HEX_LOWER, 32, 32)]).alone(),
    row(b"e2b_", &[Run(Set::HEX_LOWER, 40, 40)]),
    row(b"lsv2_pt_", &[Run(Set::HEX_LOWER, 32, 32), Text(b"_"), Run(Set::HEX_LOWER, 10, 10)]),
    row(b"lsv2_sk_", &[Run(Set::HEX_LOWER, 32, 32), Text(b"_"), Run(Set::HEX_LOWER, 10, 10)]),
    row(b"wandb_v1_", &[Run(URL, 40, MAX)]),
    // Google: OAuth client secret. Amazon Bedrock: short-term keys.
    row(b"GOCSPX-", &[Run(URL, 28, MAX)]),
    row(b"bedrock-api-key-", &[Run(Set::BASE64, 60, MAX)]),
    // DigitalOcean: personal, OAuth, refresh.
    row(b"dop_v1_", &[Run(HEX, 64, MAX)]),
    row(b"doo_v1_", &[Run(HEX, 64, MAX)]),
    row(b"dor_v1_", &[Run(HEX, 64, MAX)]),
    // Cloudflare: global, user and account keys (40 characters and a checksum).
    row(b"cfk_", &[Run(ALNUM, 40, MAX)]),
    row(b"cfut_", &[Run(ALNUM, 40, MAX)]),
    row(b"cfat_", &[Run(ALNUM, 40, MAX)]),
    // Heroku, Netlify, Vercel, Render, Fly.io, Scalingo, Neon, Xata, Aiven.
    row(b"HRKU-", &[Run(URL, 36, MAX)]),
    row(b"nfp_", &[Run(ALNUM, 36, MAX)]),
    row(b"vcp_", &[Run(ALNUM, 24, MAX)]).random(),
    row(b"vci_", &[Run(ALNUM, 24, MAX)]).random(),
    row(b"vca_", &[Run(ALNUM, 24, MAX)]).random(),
    row(b"vcr_", &[Run(ALNUM, 24, MAX)]).random(),
    row(b"vck_", &[Run(ALNUM, 24, MAX)]).random(),
    row(b"rnd_", &[Run(ALNUM, 28, MAX)]).random(),
    row(b"fo1_", &[Run(URL, 43, MAX)]),
    row(b"fm1a_", &[Run(Set::BASE64, 100, MAX)]),
    row(b"fm1r_", &[Run(Set::BASE64, 100, MAX)]),
    row(b"fm2_", &[Run(Set::BASE64, 100, MAX)]),
    row(b"tk-us-", &[Run(URL, 48, MAX)]),
    row(b"napi_", &[Run(ALNUM, 48, MAX)]),
    row(b"xau_", &[Run(ALNUM, 32, MAX)]).random(),
    row(b"AVNS_", &[Run(URL, 15, MAX)]),
    // Supabase: management and secret keys. PlanetScale: token, OAuth, password.
    row(b"sbp_", &[Run(URL, 40, MAX)]),
    row(b"sb_secret_", &[Run(URL, 20, MAX)]),
    row(b"pscale_tkn_", &[Run(Set::DOTTED, 32, MAX)]),
    row(b"pscale_oauth_", &[Run(Set::DOTTED, 32, MAX)]),
    row(b"pscale_pw_", &[Run(Set::DOTTED, 32, MAX)]),
    // MongoDB Atlas service accounts.
    row(b"mdb_sa_sk_", &[Run(URL, 40, MAX)]),
    // Docker Hub: personal and organisation. RubyGems, PyPI, Clojars, Open VSX.
    row(b"dckr_pat_", &[Run(URL, 20, MAX)]),
    row(b"dckr_oat_", &[Run(URL, 20, MAX)]),
    row(b"rubygems_", &[Run(HEX, 48, MAX)]),
    row(b"pypi-", &[Run(URL, 50, MAX)]),
    row(b"CLOJARS_", &[Run(ALNUM, 60, MAX)]),
    row(b"ovsxat_", UUID),
    // CircleCI: personal and project. Buildkite, Snyk, SonarQube, Sourcegraph, Pulumi,
    // Prefect, Octopus Deploy, Infracost, Val Town, WakaTime.
    row(b"CCIPAT_", &[Run(ALNUM, 20, 24), Text(b"_"), Run(HEX, 40, MAX)]),
    row(b"CCIPRJ_", &[Run(ALNUM, 20, 24), Text(b"_"), Run(HEX, 40, MAX)]),
    row(b"bkua_", &[Run(ALNUM, 40, MAX)]),
    row(b"snyk_", &[Text(b"uat."), Run(Set::DOTTED, 40, MAX)]),
    row(b"snyk_", &[Text(b"sat."), Run(Set::DOTTED, 40, MAX)]),
    row(b"sqp_", &[Run(HEX, 40, MAX)]),
    row(b"squ_", &[Run(HEX, 40, MAX)]),
    row(b"sqa_", &[Run(HEX, 40, MAX)]),
    row(b"sgp_", &[Run(URL, 40, MAX)]),
    row(b"pul-", &[Run(HEX, 40, MAX)]),
    row(b"pnu_", &[Run(ALNUM, 36, MAX)]),
    row(b"pnb_", &[Run(ALNUM, 36, MAX)]),
    row(b"API-", &[Run(Set::UPPER_ALNUM, 25, 32)]).random(),
    row(b"ico-", &[Run(ALNUM, 32, 32)]).random(),
    row(b"vtwn_", &[Run(ALNUM, 24, MAX)]),
    row(b"waka_", UUID),
    // Doppler's and HashiCorp's prefixes end in dots: see `words`. 1Password: service
    // account.
    row(b"ops_", &[Text(b"eyJ"), Run(Set::BASE64_ANY, 40, MAX)]),
    // Linear: API and OAuth. Notion: current and former. Figma, Typeform, Postman.
    row(b"lin_api_", &[Run(ALNUM, 40, MAX)]),
    row(b"lin_oauth_", &[Run(ALNUM, 40, MAX)]),
    row(b"ntn_", &[Run(ALNUM, 40, MAX)]),
    row(b"secret_", &[Run(ALNUM, 43, 43)]).random(),
    row(b"figd_", &[Run(URL, 40, MAX)]),
    row(b"tfp_", &[Run(Set::DOTTED, 40, MAX)]),
    row(b"PMAK-", &[Run(HEX, 24, 24), Text(b"-"), Run(HEX, 34, MAX)]),
    row(b"PMAT-", &[Run(Set::UPPER_ALNUM, 26, MAX)]),
    // Sentry: organisation and user. Grafana: service account, cloud. New Relic: user,
    // insert, REST, query. PostHog: personal and secure. Contentful, Apify, Adafruit IO.
    row(b"sntrys_", &[Run(Set::BASE64_ANY, 40, MAX)]),
    row(b"sntryu_", &[Run(HEX, 64, MAX)]),
    row(b"glsa_", &[Run(ALNUM, 32, 32), Text(b"_"), Run(HEX, 8, 8)]),
    row(b"glc_", &[Run(Set::BASE64, 32, MAX)]),
    row(b"NRAK-", &[Run(ALNUM, 27, MAX)]),
    row(b"NRII-", &[Run(URL, 32, MAX)]),
    row(b"NRRA-", &[Run(ALNUM, 42, MAX)]),
    row(b"NRIQ-", &[Run(URL, 32, MAX)]),
    row(b"phx_", &[Run(ALNUM, 40, MAX)]),
    row(b"phs_", &[Run(ALNUM, 40, MAX)]),
    row(b"CFPAT-", &[Run(URL, 43, MAX)]),
    row(b"apify_api_", &[Run(ALNUM, 36, MAX)]),
    row(b"aio_", &[Run(ALNUM, 28, 28)]).random(),
    // Adobe, ReadMe, Samsara, SettleMint, Frame.io.
    row(b"p8e-", &[Run(ALNUM, 32, 32)]),
    row(b"rdme_", &[Run(Set::LOWER_ALNUM, 70, MAX)]),
    row(b"samsara_api_", &[Run(ALNUM, 30, MAX)]),
    row(b"sm_aat_", &[Run(ALNUM, 16, 16)]),
    row(b"sm_pat_", &[Run(ALNUM, 16, 16)]),
    row(b"sm_sat_", &[Run(ALNUM, 16, 16)]),
    row(b"fio-u-", &[Run(URL, 64, MAX)]),
    // Defined Networking, 42, Tailscale, Zuplo, Pinterest, Trigger.dev, NVIDIA, RunPod.
    row(b"dnkey-", &[Run(URL, 79, MAX)]),
    row(b"s-s4t2ud-", &[Run(HEX, 64, MAX)]),
    row(b"s-s4t2af-", &[Run(HEX, 64, MAX)]),
    row(b"tskey-", &[Run(URL, 20, MAX)]).random(),
    row(b"zpka_", &[Run(ALNUM, 32, 32), Text(b"_"), Run(HEX, 8, 8)]),
    row(b"pina_", &[Run(ALNUM, 32, MAX)]),
    row(b"tr_dev_", &[Run(ALNUM, 20, MAX)]).random(),
    row(b"tr_prod_", &[Run(ALNUM, 20, MAX)]).random(),
    row(b"tr_pat_", &[Run(ALNUM, 20, MAX)]).random(),
    row(b"nvapi-", &[Run(URL, 60, MAX)]),
    row(b"rpa_", &[Run(ALNUM, 40, MAX)]),
    // hCaptcha, ClickUp, Klaviyo.
    row(b"ES_", &[Run(Set::HEX_LOWER, 32, 32)]).alone(),
    row(b"pk_", &[Run(Set::DIGIT, 5, 12), Text(b"_"), Run(Set::UPPER_ALNUM, 32, 32)]).alone(),
    row(b"pk_", &[Run(Set::HEX_LOWER, 34, 34)]).alone(),
    // Cloudflare's former origin keys (`v1.0-`) are in `words`. age: a key of X25519, and
    // the longer hybrid ones.
    row(b"AGE-SECRET-KEY-", &[Text(b"1"), Run(Set::UPPER_ALNUM, 58, MAX)]).private_key(),
    row(b"AGE-SECRET-KEY-", &[Text(b"PQ-1"), Run(Set::UPPER_ALNUM, 58, MAX)]).private_key(),
    row(b"AGE-PLUGIN-", &[Run(Set::UPPER_ALNUM.or(Set::DASH), 20, MAX)]).random().private_key(),
];
