//! Values that their surroundings or their names explain.

use super::super::headers::credential;
use super::super::labelled;
use super::{assert_no_secret, found, hits};
use crate::class::{Class, Confidence};

#[test]
fn passwords_in_addresses_are_hidden_alone() {
    let cases = [
        ("postgres://alice:s3cret@db.example.com:5432/app", "s3cret"),
        ("mongodb+srv://u1:p4ss%40word@cluster0.mongodb.net/?retryWrites=true", "p4ss%40word"),
        ("redis://:hunter2@127.0.0.1:6379/0", "hunter2"),
        ("amqp://guest:guest@mq", "guest"),
        ("https://bob:pa@ss:w0rd@example.com/x", "pa@ss:w0rd"),
        ("mysql://root:a/b#c@localhost/db", "a/b#c"),
        ("mongodb://u:pw1@h1:27017,h2:27017/db", "pw1"),
        ("see <ftp://me:letmein@files.example.org>", "letmein"),
        ("DATABASE_URL=\"postgresql://app:Tr0ub4dor&3@10.0.0.5/app\"", "Tr0ub4dor&3"),
        ("https://oauth2:abc123def@gitlab.example.com/a/b.git", "abc123def"),
        ("sqlserver://sa:yourStrong1@[::1]:1433", "yourStrong1"),
    ];
    for (text, password) in cases {
        assert_eq!(found(Class::ConnectionString, text), [password], "{text}");
        assert_eq!(found(Class::Email, text), Vec::<String>::new(), "{text}");
    }
    // The name may be an address, and is hidden with the password.
    let both = found(Class::ConnectionString, "smtp://bob%40example.com:pw1@mail.example.com:587");
    assert_eq!(both, ["bob%40example.com:pw1"]);
}

#[test]
fn addresses_without_a_password_stay() {
    assert_no_secret(&[
        "https://example.com:8443/path?q=a@b",
        "https://alice@example.com/",
        "ssh://git@github.com:22/a/b.git",
        "git@github.com:a/b.git",
        "postgres://user:${PGPASSWORD}@localhost/db",
        "postgres://user:<password>@localhost/db",
        "postgres://user:password@localhost/db",
        "redis://:****@cache:6379",
        "https://[2001:db8::1]:8080/@scope/pkg",
        "http://localhost:3000/@vite/client",
        "https://medium.com/@user/a-title-1",
        "https://registry.npmjs.org/@scope/name",
        "s3://bucket/key:with@sign",
        "http://${HOST}:${PORT}/a@b",
        "std::io::Error: x",
        "urn:uuid:550e8400-e29b-41d4-a716-446655440000",
    ]);
}

#[test]
fn tokens_as_users_of_addresses_are_found() {
    let token = format!("gh{}_{}", "p", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8");
    let text = format!("https://{token}:x-oauth-basic@github.com/a/b");
    assert_eq!(found(Class::ApiKey, &text), [token]);
}

#[test]
fn passwords_of_connection_strings_are_found() {
    let cases = [
        ("Server=tcp:db.example.net,1433;Database=x;User ID=sa;Password=P@ss;word1;", "P@ss"),
        ("Data Source=x;Initial Catalog=y;User Id=z;Password='a;b c';", "a;b c"),
        ("Driver={ODBC Driver 18};Server=s;UID=u;PWD={p}w;", "p"),
        ("host=localhost port=5432 dbname=x user=y password=secret1 sslmode=require", "secret1"),
        ("password='it is' host=x", "it is"),
        ("jdbc:mysql://h/db?user=root&password=hunter2&useSSL=false", "hunter2"),
        ("jdbc:oracle:thin:scott/tiger@//h:1521/x", "tiger"),
        ("app:s3cr3t!@tcp(10.0.0.1:3306)/db?parseTime=true", "s3cr3t!"),
        ("curl -u alice:s3cret https://example.com", "s3cret"),
        ("curl --user 'alice:open sesame' https://example.com", "open sesame"),
        ("db.example.com:5432:app:alice:s3cret", "s3cret"),
        ("*:*:*:alice:s3cret\n", "s3cret"),
        ("machine api.example.com login alice password s3cret1", "s3cret1"),
    ];
    for (text, password) in cases {
        let found = found(Class::ConnectionString, text);
        assert!(found.iter().any(|f| f == password), "{text}: {found:?}");
    }
    assert_no_secret(&[
        "Server=x;Password=${PASSWORD};",
        "Server=x;Password=;Database=y",
        "12:34:56:78:90",
        "src/main.rs:10:5: error: expected one of",
        "10.0.0.1:80:tcp:open",
        "a:b",
        "ratio 3:4 and 16:9",
        "io-pkt -U 33:33 -d e1000",
    ]);
}

#[test]
fn keys_of_azure_and_signatures_are_found() {
    let key = "Ab1+Cd2/".repeat(11);
    let text = format!("DefaultEndpointsProtocol=https;AccountName=x;AccountKey={key}==;E=y");
    assert!(hits(&text).contains(&(Class::ApiKey, Confidence::Certain, format!("{key}=="))));
    let code = "aB3%2FdE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5zA7b%3D";
    let sas = format!("https://x.blob.core.windows.net/c?sv=2022-11-02&sr=c&sig={code}&se=2025");
    assert_eq!(found(Class::ApiKey, &sas), [code]);
    let hex = "0123456789abcdef".repeat(4);
    let text = format!("https://b.s3.amazonaws.com/k?X-Amz-Date=x&X-Amz-Signature={hex}");
    assert_eq!(found(Class::ApiKey, &text), [hex]);
    assert_no_secret(&["?sig=none", "sig=abc", "AccountKey=<key>"]);
}

#[test]
fn webhooks_are_secrets_as_a_whole() {
    let (slack, discord) = ("hooks.slack.com", "discord.com/api/web");
    let secret = "T01ABCDEF/B02GHIJKL/a1B2c3D4e5F6g7H8i9J0k1L2";
    for text in
        [format!("https://{slack}/services/{secret}"), format!("{slack}/services/{secret} x")]
    {
        let address = text.trim_end_matches(" x");
        assert_eq!(found(Class::ApiKey, &text), [address], "{text}");
    }
    let secret = format!("123456789012345678/{}", "aB3-dE5_fG7".repeat(6));
    let address = format!("https://{discord}hooks/{secret}");
    assert_eq!(found(Class::ApiKey, &address), [address]);
    assert_no_secret(&[
        "https://hooks.slack.com/services/T000/B000/XXXX",
        "https://discord.com/api",
    ]);
}

#[test]
fn credentials_of_fields_are_hidden_and_schemes_stay() {
    let cases = [
        ("Authorization: Bearer abcdef1234567890ABCDEF", "abcdef1234567890ABCDEF"),
        ("authorization: bearer mytokenvalue", "mytokenvalue"),
        ("{\"Authorization\": \"Bearer tok-123456\"}", "tok-123456"),
        ("headers={'Authorization': 'Token 9944b09199c62bcf'}", "9944b09199c62bcf"),
        ("\\\"Authorization\\\": \\\"Bearer tok_123456\\\"", "tok_123456"),
        ("Authorization: Basic YWxhZGRpbjpvcGVuc2VzYW1l", "YWxhZGRpbjpvcGVuc2VzYW1l"),
        ("Proxy-Authorization: Basic dTpw", "dTpw"),
        ("curl -H 'Authorization: token 0123456789abcdef0123'", "0123456789abcdef0123"),
        ("HTTP_AUTHORIZATION=Bearer a1b2c3d4e5f6a7b8", "a1b2c3d4e5f6a7b8"),
        ("'Authorization' => 'Bearer a1b2c3d4e5f6a7b8'", "a1b2c3d4e5f6a7b8"),
        ("Authorization: SSWS 00QCjAl4MlV-WPXM", "00QCjAl4MlV-WPXM"),
        ("Authorization: 4f5e6d7c8b9a0f1e2d3c", "4f5e6d7c8b9a0f1e2d3c"),
        ("X-Api-Key: 1a2b3c4d5e6f7a8b", "1a2b3c4d5e6f7a8b"),
        ("PRIVATE-TOKEN: a1b2c3d4e5f6", "a1b2c3d4e5f6"),
        ("x-auth-token: \"f00ba4f00ba4f00b\"", "f00ba4f00ba4f00b"),
        ("sent Bearer a1b2c3d4e5f6a7b8c9d0 to it", "a1b2c3d4e5f6a7b8c9d0"),
        ("used Basic dXNlcjpwYTU1dzByZA== here", "dXNlcjpwYTU1dzByZA=="),
        (
            "Authorization: Digest username=\"u\", response=\"6629fae49393a05397450978507c4ef1\"",
            "6629fae49393a05397450978507c4ef1",
        ),
        (
            "Authorization: AWS4-HMAC-SHA256 Credential=x, Signature=fe5f80f77d5fa3be",
            "fe5f80f77d5fa3be",
        ),
    ];
    for (text, credential) in cases {
        assert_eq!(found(Class::AuthHeader, text), [credential], "{text}");
    }
}

#[test]
fn schemes_in_prose_and_placeholders_stay() {
    assert_no_secret(&[
        "Authorization: Bearer <token>",
        "Authorization: Bearer $TOKEN",
        "Authorization: Bearer ${TOKEN}",
        "Authorization: Bearer {{ token }}",
        "Authorization: Bearer YOUR_ACCESS_TOKEN",
        "Authorization: `Bearer ${token}`",
        "Authorization: Bearer tokens are sent in this field",
        "Authorization: required",
        "The Bearer token is checked in 3 steps.",
        "Basic 2-step verification is on",
        "bearer of 12345 good news",
        "authorization: none",
        "X-Api-Key: your-api-key",
        "X-Api-Key: required",
        "let api_key = blake3::derive_key(CONTEXT, material);",
        "x-auth-token: get_token(user1)",
        "x-csrf-token: fetch",
        "WWW-Authenticate: Bearer realm=\"example\"",
    ]);
}

#[test]
fn cookies_lose_their_values_and_keep_their_names() {
    let text = "Cookie: theme=dark; session=a1b2c3d4e5f6; csrftoken=\"Zx9Yw8Vu7\"; n=1\r\nHost: x";
    assert_eq!(found(Class::Cookie, text), ["a1b2c3d4e5f6", "Zx9Yw8Vu7"]);
    let text = "Set-Cookie: sid=s%3Aabc.def123; Path=/accounts/all; Domain=example.com; HttpOnly";
    assert_eq!(found(Class::Cookie, text), ["s%3Aabc.def123"]);
    assert_eq!(found(Class::Cookie, "{\"cookie\": \"sid=0123456789ab\"}"), ["0123456789ab"]);
    assert_no_secret(&["Cookie: a=b", "cookie: none", "Cookie policy: accepted", "Set-Cookie: x"]);
}

fn whole(class: Class, text: &str) -> Option<usize> {
    labelled(class, text.as_bytes(), true).map(|(length, _)| length)
}

fn begin(class: Class, text: &str) -> Option<&str> {
    labelled(class, text.as_bytes(), false).map(|(length, _)| &text[..length])
}

#[test]
fn passwords_under_a_name_are_hidden_even_weak_ones() {
    for password in [
        "hunter2",
        "changeme",
        "password",
        "admin",
        "secret",
        "letmein",
        "P@ssw0rd!",
        "123456",
        "abc",
        "correct horse battery staple",
        "Summer 2024!",
        "pässwörd",
        "$2b$12$eImiTXuWVxfM37uY4JANjQ",
        "a,b;c&d",
        "x<y>z9",
        "qwerty",
        "/AbC+dEf=",
    ] {
        assert_eq!(whole(Class::Password, password), Some(password.len()), "{password}");
    }
}

#[test]
fn what_stands_in_the_place_of_a_password_stays() {
    for text in [
        "",
        "ab",
        "<password>",
        "${PASSWORD}",
        "{{ secret }}",
        "********",
        "[REDACTED]",
        "xxxx",
        "null",
        "true",
        "required",
        "string",
        "12 characters",
        "None",
        "your-password-here",
        "Enter your password",
        "The password of the user",
        "must be at least 8 characters",
        "Password must contain a number and a symbol",
        "********1",
        "hidden",
        "N/A",
        "optional",
        "https://example.com/reset",
        "Reset required",
        "vault:secret/data/db#password",
        "A password that nobody else uses for this account.",
    ] {
        assert_eq!(whole(Class::Password, text), None, "{text}");
    }
}

#[test]
fn passwords_in_running_text_end_where_they_end() {
    let cases = [
        ("hunter2, and then", "hunter2"),
        ("hunter2.", "hunter2"),
        ("hunter2 user=bob", "hunter2"),
        ("letmein user=bob", "letmein"),
        ("hunter2&user=bob", "hunter2"),
        ("p&ss,w;rd1 x", "p&ss,w;rd1"),
        ("hunter2\"}", "hunter2"),
        ("hunter2)", "hunter2"),
        ("hunt(er)2", "hunt(er)2"),
        ("hunter2}, {", "hunter2"),
        ("hunter2\\n", "hunter2"),
        ("hunter2<br>", "hunter2"),
        ("P@ssw0rd!\n", "P@ssw0rd!"),
        ("letmein\n", "letmein"),
        ("hunter2;uid=1", "hunter2"),
    ];
    for (text, password) in cases {
        assert_eq!(begin(Class::Password, text), Some(password), "{text}");
    }
    for text in [
        "required for all users",
        "the one you chose",
        "12 characters",
        "8-64 characters",
        "getpass()",
        "os.environ['DB_PASS']",
        "self.password",
        "process.env.DB_PASSWORD,",
        "password)",
        "$PASSWORD",
        "String,",
        "str = None",
        "&str",
        "Option<String>",
        "",
        " ",
        "null,",
        "None)",
        "user.password",
        "somewhere else entirely",
        "********",
        "%s",
        "?",
        ":password",
        "config.get(\"pw\")",
        "<password>",
        "{password}",
    ] {
        assert_eq!(begin(Class::Password, text), None, "{text}");
    }
}

#[test]
fn secrets_and_keys_under_a_name_must_look_random() {
    for value in [
        "0123456789abcdef0123456789abcdef",
        "aB3dE5fG7hI9",
        "550e8400-e29b-41d4-a716-446655440000",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzKEY",
        "k9Xq2LmZ",
        "c2VjcmV0LXZhbHVlLTEyMw==",
        "AbCdEfGhIjKlMnOpQrSt",
        "7f3a9c2e",
    ] {
        assert!(whole(Class::Secret, value).is_some(), "{value}");
        assert!(whole(Class::ApiKey, value).is_some(), "{value}");
        assert_eq!(begin(Class::Secret, &format!("{value}, x")), Some(value), "{value}");
    }
    for value in [
        "production",
        "my-service-account",
        "short1",
        "your-api-key-here",
        "required",
        "string",
        "projects/x/secrets/y",
        "/run/secrets/token1",
        "true",
        "12345678",
        "us-east-1-cluster",
        "2024-01-31T00:00:00",
        "The token of the user",
        "vault:secret/data/x1",
        "database-password-2",
        "xxxxxxxxxxxxxxxx",
        "SECRET_KEY_BASE",
        "application/json",
        "v1.2.3-beta",
    ] {
        assert_eq!(whole(Class::Secret, value), None, "{value}");
    }
}

#[test]
fn authorisation_and_cookies_under_a_name_are_hidden() {
    let text = b"Bearer a1b2c3d4e5f6a7b8";
    assert_eq!(labelled(Class::AuthHeader, text, true), Some((23, Confidence::Certain)));
    assert_eq!(credential(text), Some((7..23, Confidence::Certain)));
    assert_eq!(whole(Class::AuthHeader, "Bearer <token>"), None);
    assert_eq!(whole(Class::AuthHeader, "none"), None);
    assert_eq!(whole(Class::Cookie, "sid=0123456789; theme=dark"), Some(26));
    assert_eq!(whole(Class::Cookie, "a1b2c3d4e5"), Some(10));
    assert_eq!(whole(Class::Cookie, "yes"), None);
    assert_eq!(whole(Class::Cookie, "we use cookies"), None);
}

#[test]
fn field_of_cookies_whose_values_were_taken_out_is_no_cookie() {
    for text in ["session=[COOKIE]", "a=[COOKIE]; Path=/; HttpOnly", "a=[COOKIE#bcdf]; b=***"] {
        assert_eq!(labelled(Class::Cookie, text.as_bytes(), true), None, "{text}");
    }
    for text in ["session=abcd1234efgh", "a=[COOKIE]; b=abcd1234efgh", "[COOKIE]; abcdefghi=1"] {
        assert!(labelled(Class::Cookie, text.as_bytes(), true).is_some(), "{text}");
    }
}

/// Of a password that is longer than a bound the rest once stayed.
#[test]
fn passwords_of_commands_may_be_as_long_as_tokens() {
    let token = "aB3x-9Qz_".repeat(60);
    let text = format!("curl -u jane:{token} https://example.com/");
    assert_eq!(found(Class::ConnectionString, &text), [token]);
}
