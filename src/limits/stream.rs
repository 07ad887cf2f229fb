//! The bounds of redaction in streams: what one stream holds back and remembers.

use super::Limit;

limits! {
    #[doc = "Bytes of one stream that are held back until they can be judged."]
    STREAM_HELD_BYTES_MAX: usize = 4 * 1024, "bytes", "the longest secret of a fixed form has 4 KiB; a longer one is hidden to its end";
    #[doc = "Bytes of the state of one stream, with what it holds back, between two chunks."]
    STREAM_STATE_BYTES_MAX: usize = 16 * 1024, "bytes", "ten thousand streams then take 160 MiB";
    #[doc = "Nesting depth of JSON in a stream, JSON in strings included."]
    STREAM_DEPTH_MAX: usize = 128, "levels", "twice JSON_DEPTH_MAX: a text may be a whole message; 40 bytes each";
    #[doc = "Bytes of the names over a value in a stream."]
    STREAM_NAMES_BYTES_MAX: usize = 1536, "bytes", "twelve bytes for each of STREAM_DEPTH_MAX levels";
    #[doc = "Numbers found in a stream whose later copies are hidden too."]
    STREAM_KNOWN_MAX: usize = 24, "numbers", "24 bytes each; the latest count";
    #[doc = "Texts that a name explained in a stream and whose later copies are hidden too."]
    STREAM_TEXTS_MAX: usize = 12, "texts", "each is looked for in all that follows";
    #[doc = "Bytes of these texts."]
    STREAM_TEXTS_BYTES_MAX: usize = 512, "bytes", "names and passwords have 5 to 40 bytes";
    #[doc = "Bytes of the paths that the summary of a stream names."]
    STREAM_PATHS_BYTES_MAX: usize = 768, "bytes", "with FOUND_PLACES_MAX places 24 bytes each";

    // --- sallyport redact -------------------------------------------------------------
    #[doc = "Bytes of a file that `sallyport redact` reads as a whole; what is larger is read as a stream."]
    REDACT_WHOLE_BYTES_MAX: usize = 4 * 1024 * 1024, "bytes", "as BODY_BYTES_MAX: then a file is judged as an answer is";
    #[doc = "Bytes that `sallyport redact` reads at once."]
    REDACT_READ_BYTES: usize = 64 * 1024, "bytes", "a pipe holds as much on Linux";
    #[doc = "Depth of folders that `sallyport redact` goes down."]
    REDACT_FOLDERS_MAX: usize = 64, "levels", "as JSON_DEPTH_MAX; paths end at 4,096 bytes";
}
