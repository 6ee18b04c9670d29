# Account

account-profile = Profile
account-done-saved = Your profile was saved.
account-done-password = Your password was changed. All your other sessions have ended.
account-done-sessions = All your other sessions have ended.
account-done-session = The session has ended.
field-currentPassword = Current password
field-newPassword = New password
hint-newPassword = At least 8 characters. All your other sessions end.
hint-endTokens = End my admin tokens, too: scripts that use them are refused from now on
change-password = Change the password
sessions = Sessions
sessions-hint = Browsers that are signed in
sessions-end-others = End all others
session-end = End
this-session = This one
browser = Browser
address = Address
signed-in-at = Signed in
last-seen = Last seen
