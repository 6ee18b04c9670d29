//! Anthropic's Messages API: reading and writing it.
