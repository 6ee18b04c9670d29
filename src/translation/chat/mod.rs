//! OpenAI's Chat Completions API: reading and writing it.
