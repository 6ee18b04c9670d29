# Channels

channels-count = { $count ->
    [one] { $count } channel
   *[other] { $count } channels
}
channels-count-ok = , { $count } healthy
channels-count-warn = { $count ->
    [one] , { $count } needs attention
   *[other] , { $count } need attention
}
channels-count-bad = , { $count } failing
channels-count-off = , { $count } off
channels-search = Name, address or model
channels-any-protocol = Any protocol
channels-any-model = Any model
channels-on-and-off = On and off
channels-on = On
channels-off = Off
channels-grade-ok = Healthy
channels-grade-warn = Needs attention
channels-grade-bad = Failing
channels-grade-off = Off
channels-none = No channels yet
channels-none-hint = A channel is a way to a provider: its address, its key, and the models it serves.
channels-none-on = No channel is switched on
channels-import = Import
channels-test-all = Test all
channels-test-hint = { $count ->
    [one] { $count } enabled channel gets one tiny request, which its provider may charge for.
   *[other] { $count } enabled channels get one tiny request each, which their providers may charge for.
}
channels-test-start = Start
channels-test-again = Test again
channels-test-progress = { $done } of { $count } tested, { $bad } not reached
channels-tested = { $reached } of { $count } reached
channels-in-flight = In flight
channels-success-24h = Success 24 h
channels-ttft-p50 = First output p50
channels-ttft-p50-p95 = First output p50 / p95
channels-duration-p50-p95 = Whole answer p50 / p95
channels-checked = Tested
channels-failed = { $failed } failed
channels-more-models = { $count } more models
channels-switch = { $name } takes requests
channels-as-of = As of { $time }, { $zone } time
channels-reload = Load again every
channels-reload-off = By hand
channels-reload-now = Refresh
channels-seconds = { $seconds } s
channels-last-24h = The last 24 hours
channels-cells-head = Half hours of the last 24
channels-cells-hint = Half hours, from real requests and tests
channels-now = Now
channel-new = New channel
channel-edit = Change the channel
channel-copy = Duplicate
channel-copy-of = As { $name }, but for its secrets
channel-health = Health
channel-test = Test
channel-testing = Testing…
channel-asking = Asking…
channel-remove = Delete
channel-remove-ask = Delete the channel “{ $name }”?
channel-remove-hint = Requests under way end normally; new ones go to other channels that serve the model, or are refused where there is none. Its own prices and its tests are deleted; the requests it answered stay in the log. A channel that a key, a mapping or a fallback names cannot be deleted. This cannot be undone.
channel-done-created = The channel was added.
channel-done-saved = The channel was saved.
channel-done-enabled = The channel takes requests.
channel-done-disabled = The channel takes no more requests.
channel-done-removed = The channel was deleted.
channel-done-closed = The channel takes requests again.
channel-done-reached = The provider answered.
channel-incomplete = Its key or its headers are missing, as after an import. It takes no requests until they are entered.
channel-secrets-again = Keys and headers are never shown again: enter them once more if they are new.
channel-fetch-models = Fetch from the provider
channel-candidates = { $count ->
    [one] { $count } new model of { $listed } that the provider lists
   *[other] { $count } new models of { $listed } that the provider lists
}
channel-no-candidates = The provider lists { $listed } models; all of them stand here already.
channel-choose-all = Choose all
channel-take = Add the chosen
channel-take-hint = They join the list above; saving stores them.
channel-drop-headers = Remove the extra headers
channel-takes-requests = Takes requests
channel-no-probes = None
channel-protocol-auto = Both
channel-test-good = The provider answered with { $status } after { $duration }.
channel-test-bad = The provider did not answer as it should.
channel-reached = Answered
channel-unreached = Not answered
channel-not-tested = Waiting
channel-latency = Latency
channel-error = What went wrong
channel-why-until = until { $time }
channel-why-no-credit = the provider's account has no credit left;
channel-why-disabled = the provider has disabled the account;
channel-why-key = the provider does not take the key;
channel-why-half-open = the next request decides
channel-why-failing = { $failures } of { $requests } in the last minute
channel-why-full = all { $most } in use
channel-why-status = the provider said { $status }
channel-why-unreached = no answer
channel-why-models = { $count ->
    [one] { $count } model
   *[other] { $count } models
}
channel-why-incomplete = key or headers missing
channel-open-since = Circuit not closed since { $time }
channel-close-now = Close the circuit now
channel-last-minute = Last minute: { $requests } sent, { $failures } failed
channel-attempts = { $answered } answered, { $failed } failed, { $throttled } throttled
channel-billed = Billed 24 h
channel-billed-of = { $requests } requests, { $tokens } tokens
channel-troubled = { $count ->
    [one] { $count } half hour with failures
   *[other] { $count } half hours with failures
}
channel-cell-sums = : { $requests } requests, { $failed } failed; { $tests } tests, { $failedtests } failed
channel-legend-troubled = from 5%
channel-legend-down = from 50%
channel-tests = Tests and probes
channel-tests-none = Not tested yet
channel-probed-every = Probed every { $seconds } s
channel-not-probed = Not probed by itself
channel-origin = Kind
channel-origin-probe = Probe
channel-origin-manual = Test
channel-failures = Last failures
channel-failures-hint = of real requests, 24 h
channel-failures-none = No request failed here
channel-saved = answered by another channel
channel-settings = Settings
channel-key-missing = missing
channel-asked-at = Asked at { $url }
channel-fallback = Fallback of
channel-created = Added
channel-updated = Changed
standing-off = Off
standing-incomplete = Incomplete
standing-open = Circuit open
standing-half_open = Recovering
standing-resting = Resting
standing-full = Full
standing-failing = Failing in part
standing-test_failed = Test failed
standing-models_resting = Models resting
standing-unused = Not used yet
standing-fine = Healthy
cell-fine = fine
cell-troubled = failures
cell-down = down
cell-quiet = no requests
hint-baseUrl = With or without /v1. Requests go to this host and nowhere else.
hint-apiKey = Stored encrypted; only its last four characters are shown afterwards.
hint-apiKey-kept = Ends in { $last }. Leave empty to keep it; another host needs a key with it.
hint-apiKey-kept-short = One is stored. Leave empty to keep it; another host needs a key with it.
hint-channel-models = One per line. Empty: every model that is known here is asked of it.
hint-priority = The highest that is well gets the requests; others wait for its failure.
hint-weight = Share among equal priorities: 10 beside 1 gets ten times as many. 0 is the last resort.
hint-channel-concurrency = More than these wait, or go to another channel.
hint-testModel = Asked by tests and probes; empty: the first of its models.
hint-monitorIntervalSec = Seconds between probes of its own. A probe is a tiny request; a failing channel is found before users find it.
hint-openAiProtocol = OpenAI only: what the provider speaks. The other protocols are converted.
hint-adaptReasoning = For o-series, gpt-5 and later: max_tokens is sent as max_completion_tokens, and sampling they refuse is left out.
channel-adapts = on
channel-adapts-not = off
hint-headers = Sent with every request to it. One per line, as Name: value; values are stored encrypted.
hint-headers-kept = Stored: { $names }. Leave empty to keep them; what you enter replaces all.
hint-headers-again = The channel that is copied has { $names }: enter them here.
channel-idle = The catalogue has no model yet that “{ $name }” serves.
channel-models = Add its models
channel-models-title = Models of { $name }
channel-models-hint = As its provider lists them. Nothing is written before you confirm.
channel-models-ready = Ready to add
channel-models-prices = USD per million tokens. The list has Anthropic’s and OpenAI’s own prices as of { $day }; change what this provider charges otherwise.
channel-models-price = Price
channel-models-from-list = From the list
channel-models-from-stored = In force
channel-models-catalogued = In the catalogue already
channel-models-long = Over { $above } tokens of prompt the provider charges { $input } and { $output }
channel-models-unpriced = { $count ->
    [one] { $count } model without a known price
   *[other] { $count } models without a known price
}
channel-models-unpriced-hint = A model without a price is refused. Enter both prices in USD per million tokens to add one; leave them empty to leave it out.
channel-models-input-of = Input price of { $name }
channel-models-output-of = Output price of { $name }
channel-models-there = { $count ->
    [one] { $count } model is there already
   *[other] { $count } models are there already
}
channel-models-all-there = All models that the provider lists are there, with their prices
channel-models-more = { $count ->
    [one] The provider lists { $count } more model than fit here.
   *[other] The provider lists { $count } more models than fit here.
}
channel-models-add = Add the models
channel-models-none = The provider lists no models
channel-models-failed = Its models could not be fetched
channel-models-failed-hint = See whether its address and key are right, then ask again.
channel-models-again = Ask again
