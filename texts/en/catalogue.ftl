# What the pages of models, mappings and prices have in common

catalogue-any-provider = Any provider
catalogue-any-channel = Any channel
catalogue-choose = Choose
catalogue-choose-all = Choose all on this page
catalogue-choose-one = Choose { $name }
catalogue-with-chosen = With the chosen:
catalogue-none-chosen = Nothing was chosen. Tick at least one row first.
catalogue-remove = Delete
