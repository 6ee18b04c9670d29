# Admin tokens

tokens-own = For scripts that call the admin API as you
tokens-all = For scripts that call the admin API as their owner
tokens-none = No admin tokens yet
tokens-none-hint = A script sends one as a bearer token and may do what its owner may.
tokens-created = Created
token-new = New token
token-create = Create the token
token-created = Token created
token-text = Token
token-shown-once = Copy the token now: it is shown this once and stored only as a digest.
token-hint = It acts with your role as it is at the moment of each call.
hint-token-name = What it is for, such as a script or a pipeline
token-remove = Delete
token-remove-named = Delete the token { $name }
token-remove-ask = Delete the token “{ $name }”?
token-remove-hint = Scripts that use it are refused from now on. This cannot be undone.
token-done-removed = The token was deleted.
