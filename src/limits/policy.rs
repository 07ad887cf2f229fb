//! Bounds of policies and of what they are asked.

use super::Limit;

limits! {
    #[doc = "Bytes of one policy file."]
    POLICY_BYTES_MAX: usize = 4 * 1024 * 1024, "bytes", "2,000 policies have half of that";
    #[doc = "Policies of one set."]
    POLICIES_MAX: usize = 8192, "policies", "four times the largest set that is measured";
    #[doc = "Policy files of one set."]
    POLICY_FILES_MAX: usize = 256, "files", "one for each team of a large company";
    #[doc = "Brackets that may be open at once in a policy."]
    POLICY_DEPTH_MAX: usize = 128, "levels", "parsers of expressions call themselves; people lose count at ten";
    #[doc = "Bytes of an entities file."]
    ENTITIES_BYTES_MAX: usize = 8 * 1024 * 1024, "bytes", "a hundred for each name, twice over";
    #[doc = "Names in an entities file, repeated ones counted again."]
    ENTITIES_MAX: usize = 65_536, "names", "directories of more people than that are the issuer's business";
    #[doc = "Claims that one issuer maps for policies."]
    ATTRIBUTES_MAX: usize = 32, "claims", "tokens that are sent with each request hold fewer";
    #[doc = "Values in the arguments of a call that policies look at."]
    ARGUMENT_NODES_MAX: usize = 10_000, "values", "policies compare single values and short lists";
    #[doc = "Different choices of policies that are kept ready."]
    POLICY_SLICES_MAX: usize = 4096, "choices", "one for each kind of caller and thing";
    #[doc = "Callers that are kept ready as entities."]
    POLICY_SUBJECTS_MAX: usize = 8192, "callers", "some kilobytes each; whoever is forgotten is written anew in microseconds";
    #[doc = "Tools, resources and other things that are kept ready as entities."]
    POLICY_THINGS_MAX: usize = 8192, "things", "as POLICY_SUBJECTS_MAX";
    #[doc = "Questions whose answer, or whose policies, are remembered."]
    POLICY_ANSWERS_MAX: usize = 65_536, "questions", "a thousand tools for sixty callers; half a kilobyte each, as callers and things are kept apart";
    #[doc = "Callers whose refusals are counted for the gateway's own word on risk, for each server."]
    SCORE_CALLERS_MAX: usize = 8192, "callers", "some ten bytes each; of more at once those with least are forgotten";
    #[doc = "Window in which refusals are counted; the one before counts too."]
    SCORE_WINDOW_S: u64 = 600, "seconds", "longer than a retry, shorter than a lunch break";
    #[doc = "Combinations of arguments that are tried out for a list."]
    POLICY_TRIALS_MAX: usize = 2048, "combinations", "three arguments with a dozen values each; ten microseconds a trial";
    #[doc = "Values that are tried out for one argument."]
    POLICY_TRIAL_VALUES_MAX: usize = 64, "values", "policies name a handful";
    #[doc = "Bytes of a file of cases."]
    CASES_BYTES_MAX: usize = 4 * 1024 * 1024, "bytes", "a kilobyte for each case";
    #[doc = "Cases of one file."]
    CASES_MAX: usize = 4096, "cases", "half as many as policies; files can be split by server";
    #[doc = "Policies named in one record."]
    POLICIES_NAMED_MAX: usize = 32, "policies", "more than that permit the same only by mistake";
    #[doc = "Roles named in one record."]
    AUDIT_ROLES_MAX: usize = 32, "roles", "directories hand out hundreds";
    #[doc = "Different changes that are kept apart when a trail is asked again."]
    POLICY_CHANGES_MAX: usize = 1024, "changes", "nobody reads more; the rest is counted";
    #[doc = "Groups of callers and actions that are learned from a trail, each of which becomes a policy."]
    LEARN_GROUPS_MAX: usize = 4096, "groups", "half of what one set holds";
    #[doc = "Different names that are learned from a trail."]
    LEARN_NAMES_MAX: usize = 65_536, "names", "sixteen for each group";
    #[doc = "URIs of one learned policy before patterns stand for them."]
    LEARN_URIS_MAX: usize = 64, "URIs", "what a reviewer can read";
    #[doc = "Callers of one learned policy that are told apart."]
    LEARN_CALLERS_MAX: usize = 4096, "callers", "beyond that the number no longer matters to a reviewer";
    #[doc = "Calls of a trail that may be open at once when what they showed is learned."]
    LEARN_OPEN_MAX: usize = 65_536, "calls", "streams that last for days are few";
}
