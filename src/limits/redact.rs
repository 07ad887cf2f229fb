//! Bounds of what the configuration says of redaction.

use super::Limit;

limits! {
    #[doc = "Texts that only a name explained in a message and whose other copies are hidden too."]
    SOUGHT_TEXTS_MAX: usize = 4096, "texts", "the rows of a long list; looking for them takes no longer than reading the list";
    #[doc = "Phrases of one dictionary."]
    DICTIONARY_ENTRIES_MAX: usize = 1 << 20, "phrases", "a million names; about 20 MiB of memory";
    #[doc = "Bytes of one phrase of a dictionary."]
    DICTIONARY_ENTRY_BYTES_MAX: usize = 128, "bytes", "names and addresses; longer ones are texts";
    #[doc = "Words of one phrase of a dictionary."]
    DICTIONARY_WORDS_MAX: usize = 8, "words", "a bit for each in a byte";
    #[doc = "Bytes of the file of a dictionary."]
    DICTIONARY_BYTES_MAX: usize = 32 * 1024 * 1024, "bytes", "a million names of 30 bytes";
    #[doc = "Field rules of one server."]
    FIELD_RULES_MAX: usize = 256, "rules", "each is tried on the path of every value";
    #[doc = "Names in the path of one field rule."]
    FIELD_NAMES_MAX: usize = 31, "names", "a bit for each in a word";
    #[doc = "Rules of values that are left alone, of one server."]
    ALLOW_RULES_MAX: usize = 64, "rules", "a bit for each in a word";
    #[doc = "Values that one such rule names."]
    ALLOW_VALUES_MAX: usize = 256, "values", "each is tried on every value that was found";
    #[doc = "Symbols that a mask can be told to keep."]
    KEEP_SYMBOLS_MAX: usize = 8, "symbols", "half of the number at most; four of a card (PCI DSS 3.4.1)";
    #[doc = "Looks at answers that are kept ready for tools with values of their own that are left alone."]
    TOOL_LOOKS_MAX: usize = 128, "looks", "one for each set of rules that some tool has";
}
