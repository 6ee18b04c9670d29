# Front page

landing-title = Claude and OpenAI models at one address
landing-lead = One address, one key and one balance for the Anthropic and the OpenAI API. The SDKs and tools you use stay as they are: change the base URL and the key.
landing-models = { $count ->
    [one] { $count } model
   *[other] { $count } models
}
landing-base = Base URL
landing-both = both
landing-does = What it does
landing-convert = Three protocols, any model
landing-convert-text = Messages, Chat Completions and Responses are converted into each other, streams included: a client of one vendor can call the models of the other.
landing-route = Failover
landing-route-text = Requests go to a channel that works. If one fails before the answer has begun, another takes over.
landing-keys = Keys with limits
landing-keys-text = Each key can have a budget, tokens per day, requests per minute, models and addresses it is good for, and a date it ends.
landing-logs = Every request accounted for
landing-logs-text = The log shows each request as it happens: time to first output, tokens, and its cost as a sum that adds up.
landing-money = Paid by the token
landing-money-text = Prices are per million tokens and public. Each change of a balance is a line of its history.
landing-safe = Secrets stay secret
landing-safe-text = Keys are shown once and stored as digests. What you send is passed on; it is recorded only if an admin switches that on.
landing-steps = How to begin
landing-step-account = Make an account
landing-step-account-text = Register with a name, an address and a password, or sign in.
landing-step-account-closed = Accounts are made by the admins here: sign in with yours.
landing-step-key = Make a key
landing-step-key-text = In the console under Keys. It is shown once; limits are optional.
landing-step-client = Point your program here
landing-step-client-text = Set the base URL and the key. Ready lines for Claude Code, Codex, Cursor and others are in the documentation:
landing-sample = As you know it
landing-all-models = Models and prices
