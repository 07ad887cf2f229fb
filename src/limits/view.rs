//! The bounds of what an answer may show: projections, places and namespaces.

use super::Limit;

limits! {
    #[doc = "Patterns of one projection, and places of one view."]
    PROJECTION_PATTERNS_MAX: usize = 256, "patterns", "wide answers have some hundred fields, and braces name many at once";
    #[doc = "Bytes of one pattern or place."]
    PROJECTION_PATTERN_BYTES_MAX: usize = 4 * 1024, "bytes", "a hundred names with their braces; longer ones are several patterns";
    #[doc = "Steps of one projection, with all alternatives multiplied out."]
    PROJECTION_STEPS_MAX: usize = 16 * 1024, "steps", "about 2 MiB; each is held once and looked up in constant time";
    #[doc = "Bytes of the dotted name of a namespace."]
    NAMESPACE_BYTES_MAX: usize = 256, "bytes", "as NAME_BYTES_MAX";
    #[doc = "Namespaces that one caller may ask for at once."]
    NAMESPACES_WANTED_MAX: usize = 64, "namespaces", "each is compared with each member of an answer; an agent asks for a handful";
    #[doc = "Bytes of the list of namespaces that a caller asks for."]
    NAMESPACES_WANTED_BYTES_MAX: usize = 4 * 1024, "bytes", "as TARGET_BYTES_MAX: a query that holds more is refused before";
}
