//! The bounds of output schemas: what is remembered of them and what checking one may cost.

use super::Limit;

limits! {
    #[doc = "Bytes of one output schema that is remembered."]
    OUTPUT_SCHEMA_BYTES_MAX: usize = 64 * 1024, "bytes", "as PIN_DEFINITION_BYTES_MAX: large definitions have 10 KiB";
    #[doc = "Tools of one server whose output schema is remembered."]
    OUTPUT_SCHEMAS_MAX: usize = 1024, "schemas", "as LISTED_TOOLS_MAX";
    #[doc = "Bytes of all output schemas of one server."]
    OUTPUT_SCHEMAS_BYTES_MAX: usize = 4 * 1024 * 1024, "bytes", "a thousand of the usual 1 to 4 KiB";
    #[doc = "Output schemas of one server that are kept ready to check with."]
    OUTPUT_SCHEMAS_READY_MAX: usize = 32, "schemas", "made when first needed, in about a millisecond; a few MiB each at worst";
    #[doc = "Ways through the parts of a schema that judge one value at once."]
    SCHEMA_WAYS_MAX: u64 = 1024, "ways", "unions of real schemas have tens of members; doubling references would have 2^100";
    #[doc = "Parts of a schema one inside another that judge one value at once."]
    SCHEMA_HEIGHT_MAX: usize = 32, "parts", "references to references; real ones have three or four";
    #[doc = "Parts of a schema one inside another on the way to one value."]
    SCHEMA_NESTING_MAX: usize = 512, "parts", "the validator's stack: about 1 KiB each in a thread's 2 MiB";
    #[doc = "Patterns of one schema."]
    SCHEMA_PATTERNS_MAX: usize = 256, "patterns", "real ones have a handful";
    #[doc = "States of one pattern's automaton, about."]
    PATTERN_STATES_MAX: u64 = 16 * 1024, "states", "a name of 40 letters in any script has 26,000 and is too large; ASCII ones have hundreds";
    #[doc = "States of all patterns of one schema."]
    SCHEMA_STATES_MAX: u64 = 64 * 1024, "states", "about 4 MiB when compiled";
    #[doc = "Characters of a text that is made from a pattern."]
    SAMPLE_CHARS_MAX: usize = 1024, "characters", "what is redacted is an address or a number";
    #[doc = "Steps of checking one result against its schema."]
    SCHEMA_STEPS_MAX: u64 = 2_000_000, "steps", "about 0.1 s; a result of 1 MiB needs some 100,000";
    #[doc = "Bytes of a structured result that is checked."]
    STRUCTURED_BYTES_MAX: usize = 4 * 1024 * 1024, "bytes", "models read kilobytes; the tree of such a result has about 60 MiB at worst";
}
