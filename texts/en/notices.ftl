# Notices

notice-maintenance = Maintenance
notice-maintenance-hint = The API does not take requests at the moment.
notice-maintenance-end = Switch it off in the settings
notice-announcement = Announcement
notice-put-away = Put the announcement away
notice-read = Got it
announcement-hint = A word to everybody.
announcement-where = On the pages of visitors and users, until they put it away; a new text is shown to all again.
announcement-write = Text
announcement-html-hint = HTML: paragraphs, lists, links, emphasis. Scripts, styles and forms are taken out.
announcement-preview = Preview
announcement-not-saved = Not saved yet
announcement-shown = Shown to visitors and users
announcement-not-shown = Switched off
announcement-none = There is nothing to show yet.
announcement-done = The announcement is saved.
