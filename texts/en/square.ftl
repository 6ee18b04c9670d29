# Model square

square-hint = { $count ->
    [one] { $count } model, prices in USD per million tokens
   *[other] { $count } models, prices in USD per million tokens
}
square-search = Search models
square-any-price = Any price
square-up-to = Input up to { $amount }
square-priced = With a price
square-unpriced = No price yet
square-call = Sample call
square-calls = Sample calls
square-calls-hint = with a key of yours in place of YOUR_API_KEY
square-base = Base URL:
square-none = No models yet
square-none-hint = This site has published no models so far.
