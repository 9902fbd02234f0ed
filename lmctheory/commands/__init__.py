"""The commands of `lmctheory` about a user's own networks; what computes is imported when asked."""
