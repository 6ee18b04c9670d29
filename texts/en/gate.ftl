# Signing in

sign-in = Sign in
sign-in-to = Sign in to { $site }
sign-out = Sign out
no-account = No account yet?
have-account = You have an account?
register = Register
register-first = Set up this gateway
register-first-hint = The first account becomes the super admin.
registration-closed = Registration is closed. Ask an admin for an account.
hint-username = 3 to 64 letters, digits, dots, dashes and underscores
hint-password = At least 8 characters
hint-setupCode = Printed by the server when it started. On the server’s own machine, opening its address such as http://127.0.0.1:3000 needs none.
