//! Every kind of message of every revision of MCP (2024-11-05 to 2026-07-28), with each optional
//! member that can hold a text, a number or members of anybody's choice.
//!
//! Assumes nothing of the engine. Guarantees: none of the messages holds anything that is to be
//! hidden, so that whatever changes was planted.

/// What is reached, and the message.
pub const MESSAGES: &[(&str, &str)] = &[
    (
        "initialize",
        r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"roots":{"listChanged":true},"experimental":{"x":{"note":"plain"}}},"clientInfo":{"name":"probe","title":"Probe","version":"one","description":"tests","websiteUrl":"https://probe.example/","icons":[{"src":"https://probe.example/i.png","mimeType":"image/png","sizes":["any"]}]},"_meta":{"note":"plain"}}}"#,
    ),
    (
        "initialize result",
        r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true},"experimental":{"x":{"note":"plain"}}},"serverInfo":{"name":"desk","title":"Desk","version":"one"},"instructions":"ask for a record","_meta":{"note":"plain"}}}"#,
    ),
    (
        "server/discover result",
        r#"{"jsonrpc":"2.0","id":2,"result":{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"serverInfo":{"name":"desk","version":"one"},"instructions":"ask for a record","ttlMs":5,"cacheScope":"public"}}"#,
    ),
    (
        "tools/list result",
        r#"{"jsonrpc":"2.0","id":3,"result":{"tools":[{"name":"lookup","title":"Look up","description":"finds a record","inputSchema":{"type":"object","properties":{"q":{"type":"string","description":"what to find","default":"all","examples":["some"],"enum":["all","some"],"minLength":1}},"required":["q"]},"outputSchema":{"type":"object","properties":{"hit":{"type":"number","maximum":9}}},"annotations":{"title":"Look up","readOnlyHint":true},"icons":[{"src":"https://desk.example/i.png"}],"execution":{"taskSupport":"optional"},"_meta":{"note":"plain"}}],"nextCursor":"page two"}}"#,
    ),
    (
        "tools/call",
        r#"{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"lookup","arguments":{"q":"text","deep":{"list":["one",2,{"three":"four"}]}},"_meta":{"progressToken":"p","note":"plain"}}}"#,
    ),
    (
        "tools/call result, text",
        r#"{"jsonrpc":"2.0","id":5,"result":{"content":[{"type":"text","text":"first","annotations":{"audience":["user"],"priority":0.5,"lastModified":"today"},"_meta":{"note":"plain"}},{"type":"text","text":"second"}],"structuredContent":{"note":"plain","amount":3,"rows":[{"what":"one"},["two",5]]},"isError":false,"_meta":{"note":"plain"}}}"#,
    ),
    (
        "tools/call result, media",
        r#"{"jsonrpc":"2.0","id":6,"result":{"content":[{"type":"image","data":"","mimeType":"image/png","_meta":{"note":"plain"}},{"type":"audio","data":"","mimeType":"audio/wav","annotations":{"priority":1}}]}}"#,
    ),
    (
        "tools/call result, resources",
        r#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"resource","resource":{"uri":"file:///one","mimeType":"text/plain","text":"body","_meta":{"note":"plain"}}},{"type":"resource","resource":{"uri":"file:///two","blob":""}},{"type":"resource_link","uri":"file:///three","name":"three","title":"Three","description":"a file","mimeType":"text/plain","size":7}]}}"#,
    ),
    (
        "tools/call result, error",
        r#"{"jsonrpc":"2.0","id":8,"result":{"content":[{"type":"text","text":"no such record"}],"isError":true}}"#,
    ),
    (
        "tools/call result, any value",
        r#"{"jsonrpc":"2.0","id":9,"result":{"content":[],"structuredContent":["one",2,[["deep"]]]}}"#,
    ),
    (
        "tools/call result, task",
        r#"{"jsonrpc":"2.0","id":10,"result":{"resultType":"task","task":{"taskId":"task-one","status":"working","statusMessage":"at work","createdAt":"today","lastUpdatedAt":"now","ttl":60,"pollInterval":5}}}"#,
    ),
    (
        "tools/call result, input required",
        r#"{"jsonrpc":"2.0","id":11,"result":{"resultType":"input_required","inputRequests":{"ask":{"method":"elicitation/create","params":{"mode":"form","message":"which one?","requestedSchema":{"type":"object","properties":{"pick":{"type":"string","title":"Pick","description":"one of them","default":"none"}}}}},"think":{"method":"sampling/createMessage","params":{"messages":[{"role":"user","content":{"type":"text","text":"think"}}],"maxTokens":9}},"where":{"method":"roots/list"}},"requestState":"opaque"}}"#,
    ),
    (
        "resources/list result",
        r#"{"jsonrpc":"2.0","id":12,"result":{"resources":[{"uri":"file:///one","name":"one","title":"One","description":"a file","mimeType":"text/plain","size":7,"annotations":{"priority":0.1}}],"nextCursor":"more"}}"#,
    ),
    (
        "resources/templates/list result",
        r#"{"jsonrpc":"2.0","id":13,"result":{"resourceTemplates":[{"uriTemplate":"file:///{path}","name":"files","title":"Files","description":"all files","mimeType":"text/plain"}],"nextCursor":"more"}}"#,
    ),
    (
        "resources/read",
        r#"{"jsonrpc":"2.0","id":14,"method":"resources/read","params":{"uri":"file:///one","_meta":{"note":"plain"}}}"#,
    ),
    (
        "resources/read result",
        r#"{"jsonrpc":"2.0","id":15,"result":{"contents":[{"uri":"file:///one","mimeType":"text/plain","text":"body","_meta":{"note":"plain"}},{"uri":"file:///two","mimeType":"text/csv","blob":""}]}}"#,
    ),
    (
        "resources/subscribe",
        r#"{"jsonrpc":"2.0","id":16,"method":"resources/subscribe","params":{"uri":"file:///one"}}"#,
    ),
    (
        "subscriptions/listen",
        r#"{"jsonrpc":"2.0","id":17,"method":"subscriptions/listen","params":{"notifications":{"resourceSubscriptions":["file:///one"]}}}"#,
    ),
    (
        "prompts/list result",
        r#"{"jsonrpc":"2.0","id":18,"result":{"prompts":[{"name":"greet","title":"Greet","description":"says hello","arguments":[{"name":"who","title":"Who","description":"whom to greet","required":true}]}],"nextCursor":"more"}}"#,
    ),
    (
        "prompts/get",
        r#"{"jsonrpc":"2.0","id":19,"method":"prompts/get","params":{"name":"greet","arguments":{"who":"all"}}}"#,
    ),
    (
        "prompts/get result",
        r#"{"jsonrpc":"2.0","id":20,"result":{"description":"a greeting","messages":[{"role":"user","content":{"type":"text","text":"hello"}},{"role":"assistant","content":{"type":"resource","resource":{"uri":"file:///one","text":"body"}}}]}}"#,
    ),
    (
        "completion/complete",
        r#"{"jsonrpc":"2.0","id":21,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"greet","title":"Greet"},"argument":{"name":"who","value":"a"},"context":{"arguments":{"tone":"kind"}}}}"#,
    ),
    (
        "completion/complete result",
        r#"{"jsonrpc":"2.0","id":22,"result":{"completion":{"values":["all","anybody"],"total":2,"hasMore":false}}}"#,
    ),
    (
        "logging/setLevel",
        r#"{"jsonrpc":"2.0","id":23,"method":"logging/setLevel","params":{"level":"info","_meta":{"note":"plain"}}}"#,
    ),
    (
        "notifications/message, string",
        r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","logger":"db","data":"done"}}"#,
    ),
    (
        "notifications/message, object",
        r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"error","logger":"db","data":{"what":"failed","rows":3,"why":["one","two"]}}}"#,
    ),
    (
        "notifications/progress",
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1,"total":2,"message":"half"}}"#,
    ),
    (
        "notifications/resources/updated",
        r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"file:///one","title":"One"}}"#,
    ),
    (
        "notifications/list_changed",
        r#"[{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{"note":"plain"}}},{"jsonrpc":"2.0","method":"notifications/prompts/list_changed","params":{}},{"jsonrpc":"2.0","method":"notifications/resources/list_changed","params":{}},{"jsonrpc":"2.0","method":"notifications/roots/list_changed","params":{}}]"#,
    ),
    (
        "notifications/cancelled",
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":4,"reason":"too slow"}}"#,
    ),
    (
        "notifications/elicitation/complete",
        r#"{"jsonrpc":"2.0","method":"notifications/elicitation/complete","params":{"elicitationId":"e-one"}}"#,
    ),
    (
        "notifications/tasks",
        r#"{"jsonrpc":"2.0","method":"notifications/tasks","params":{"taskId":"task-one","status":"completed","statusMessage":"done","result":{"content":[{"type":"text","text":"done"}],"structuredContent":{"note":"plain","sum":4}}}}"#,
    ),
    (
        "notifications/tasks/status",
        r#"{"jsonrpc":"2.0","method":"notifications/tasks/status","params":{"taskId":"task-one","status":"failed","statusMessage":"broke","createdAt":"today","ttl":9}}"#,
    ),
    (
        "notifications/subscriptions/acknowledged",
        r#"{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"notifications":{"resourceSubscriptions":["file:///one"]},"_meta":{"note":"plain"}}}"#,
    ),
    (
        "sampling/createMessage",
        r#"{"jsonrpc":"2.0","id":24,"method":"sampling/createMessage","params":{"messages":[{"role":"user","content":{"type":"text","text":"think"}},{"role":"assistant","content":[{"type":"tool_use","id":"u","name":"lookup","input":{"q":"text","n":2}}]},{"role":"user","content":[{"type":"tool_result","toolUseId":"u","content":[{"type":"text","text":"found"}],"structuredContent":{"note":"plain"}}]}],"systemPrompt":"be brief","includeContext":"none","temperature":0.5,"maxTokens":9,"stopSequences":["stop"],"metadata":{"note":"plain"},"modelPreferences":{"hints":[{"name":"small"}],"costPriority":0.2},"tools":[{"name":"lookup","description":"finds","inputSchema":{"type":"object"}}],"toolChoice":{"mode":"auto"}}}"#,
    ),
    (
        "sampling/createMessage result",
        r#"{"jsonrpc":"2.0","id":24,"result":{"role":"assistant","content":{"type":"text","text":"thought"},"model":"small","stopReason":"endTurn"}}"#,
    ),
    (
        "elicitation/create, form",
        r#"{"jsonrpc":"2.0","id":25,"method":"elicitation/create","params":{"mode":"form","message":"which one?","requestedSchema":{"type":"object","properties":{"pick":{"type":"string","title":"Pick","description":"one of them","enum":["a","b"],"enumNames":["first","second"],"default":"a"},"count":{"type":"integer","minimum":0}},"required":["pick"]}}}"#,
    ),
    (
        "elicitation/create, url",
        r#"{"jsonrpc":"2.0","id":26,"method":"elicitation/create","params":{"mode":"url","elicitationId":"e-one","url":"https://desk.example/form","message":"please go there"}}"#,
    ),
    (
        "elicitation/create result",
        r#"{"jsonrpc":"2.0","id":25,"result":{"action":"accept","content":{"pick":"a","count":3,"more":["b"]}}}"#,
    ),
    (
        "roots/list result",
        r#"{"jsonrpc":"2.0","id":27,"result":{"roots":[{"uri":"file:///home","name":"home","_meta":{"note":"plain"}}]}}"#,
    ),
    (
        "tasks/get",
        r#"{"jsonrpc":"2.0","id":28,"method":"tasks/get","params":{"taskId":"task-one"}}"#,
    ),
    (
        "tasks/get result",
        r#"{"jsonrpc":"2.0","id":28,"result":{"resultType":"complete","taskId":"task-one","status":"completed","statusMessage":"done","createdAt":"today","lastUpdatedAt":"now","ttl":60,"pollInterval":5,"result":{"content":[{"type":"text","text":"done"}],"structuredContent":{"note":"plain"}}}}"#,
    ),
    (
        "tasks/get result, failed",
        r#"{"jsonrpc":"2.0","id":29,"result":{"taskId":"task-one","status":"failed","error":{"code":-32603,"message":"broke","data":{"why":"plain","n":1}}}}"#,
    ),
    (
        "tasks/update",
        r#"{"jsonrpc":"2.0","id":30,"method":"tasks/update","params":{"taskId":"task-one","inputResponses":{"ask":{"action":"accept","content":{"pick":"a"}}}}}"#,
    ),
    (
        "tasks/result result",
        r#"{"jsonrpc":"2.0","id":31,"result":{"content":[{"type":"text","text":"done"}],"structuredContent":{"note":"plain"},"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"task-one"}}}}"#,
    ),
    (
        "tasks/list result",
        r#"{"jsonrpc":"2.0","id":32,"result":{"tasks":[{"taskId":"task-one","status":"working","statusMessage":"at work","createdAt":"today","ttl":60}],"nextCursor":"more"}}"#,
    ),
    (
        "tasks/cancel result",
        r#"{"jsonrpc":"2.0","id":33,"result":{"taskId":"task-one","status":"cancelled","statusMessage":"stopped","createdAt":"today","ttl":60}}"#,
    ),
    ("ping result", r#"{"jsonrpc":"2.0","id":34,"result":{"_meta":{"note":"plain"}}}"#),
    (
        "error",
        r#"{"jsonrpc":"2.0","id":35,"error":{"code":-32602,"message":"unknown record","data":{"why":"plain","tries":2,"list":["one",{"deep":"two"}]}}}"#,
    ),
    (
        "error, string data",
        r#"{"jsonrpc":"2.0","id":36,"error":{"code":-32042,"message":"go there first","data":"plain"}}"#,
    ),
    (
        "batch",
        r#"[{"jsonrpc":"2.0","id":37,"result":{"content":[{"type":"text","text":"one"}]}},{"jsonrpc":"2.0","id":38,"error":{"code":-32600,"message":"two","data":"three"}},{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"four"}}]"#,
    ),
];

/// Members whose values MCP fixes, and ids that answer to others: nothing can stand there.
pub const FIXED: &[&str] = &[
    "jsonrpc",
    "id",
    "method",
    "protocolVersion",
    "supportedVersions",
    "type",
    "role",
    "level",
    "mode",
    "action",
    "status",
    "resultType",
    "cacheScope",
    "code",
    "progressToken",
    "requestId",
    "audience",
    "taskSupport",
    "includeContext",
    "toolUseId",
];
