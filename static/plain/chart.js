// Charts where there is no chart library: the server has drawn them.
export function charts() {}
