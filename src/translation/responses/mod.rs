//! OpenAI's Responses API: reading and writing it.
