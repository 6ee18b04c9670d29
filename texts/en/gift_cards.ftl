# Gift cards

cards-make = Make gift cards
cards-search = Code, its end, or redeemer
cards-export-hint = The list as a file, without codes
cards-none = No gift cards yet
cards-none-hint = Whoever redeems a card gets its amount added to their balance.
cards-one-batch = Cards made together
cards-see-batch = Cards made with it
cards-all-batches = Show all cards
cards-made = { $count ->
    [one] { $count } gift card made
   *[other] { $count } gift cards made
}
cards-each = { $amount } each
cards-until = until { $time } ({ $zone })
cards-shown-once = Copy or save the codes now: they are shown this once and stored only as digests.
cards-codes = Codes, one per line
cards-copy-all = Copy all
cards-save = Save as CSV
cards-noted = I have kept them
card-code = Code
card-made = Made
card-redeemed-by = Redeemed by
card-redeemed-at = Redeemed at
card-unused = Unused
card-used = Redeemed
card-revoked = Revoked
card-revoke = Revoke
card-revoke-ask = Revoke the card ending in { $last4 }, worth { $amount }?
card-revoke-hint = Its code can no longer be redeemed. This cannot be undone; you can make a new card.
card-used-hint = { $name } has redeemed this card already: what was redeemed stays redeemed.
card-revoke-ask-several = { $count ->
    [one] Revoke { $count } gift card?
   *[other] Revoke { $count } gift cards?
}
card-revoke-hint-several = Their codes can no longer be redeemed. This cannot be undone; you can make new cards.
card-revoke-none = None of these cards can be revoked
card-revoke-kept = { $count ->
    [one] { $count } of those you chose stays as it is: it was redeemed, or is revoked already.
   *[other] { $count } of those you chose stay as they are: they were redeemed, or are revoked already.
}
card-done-revoked = { $count ->
    [one] The card was revoked.
   *[other] { $count } cards were revoked.
}
card-done-revoked-but = { $count ->
    [0] No card was revoked
    [one] { $count } card was revoked
   *[other] { $count } cards were revoked
}; { $kept } had been redeemed meanwhile.
hint-amountUsd = What each card is worth, up to 1,000,000
hint-count = 1 to 100
hint-card-expiresAt = By { $zone } time. Empty: never.
