# Rankings

rankings-by = What is ranked
rankings-place = No.
rankings-share-cost = Share of the cost
rankings-share-tokens = Share of the tokens
rankings-share-requests = Share of the requests
rankings-trend = Over time
rankings-rest = Everything else
rankings-total = Total
rankings-none-hint = Choose another range.
rankings-users = Users
