-- Log rows are kept for 90 days unless a site says otherwise. A site that was there before kept them for ever: it goes on
-- doing so until somebody there chooses.
INSERT INTO settings (name, value, updated_at)
SELECT 'logRetentionDays', '0', max(users.created_at) FROM users
WHERE NOT EXISTS (SELECT 1 FROM settings WHERE name = 'logRetentionDays')
HAVING count(*) > 0;
