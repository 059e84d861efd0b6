-- One row for each object of the schema: what it is, and its definition.
-- Objects that belong to an extension are the extension's own business.
WITH foreign_objects AS (
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
), rel AS (
    SELECT c.* FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace
      AND NOT EXISTS (SELECT FROM foreign_objects f WHERE f.classid = 'pg_class'::regclass AND f.objid = c.oid)
)
SELECT 'schema ' || nspname AS object, '' AS definition
FROM pg_namespace n
WHERE nspname NOT LIKE 'pg\_%' AND nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM foreign_objects f WHERE f.classid = 'pg_namespace'::regclass AND f.objid = n.oid)
UNION ALL
SELECT CASE relkind WHEN 'r' THEN 'table ' WHEN 'p' THEN 'table ' WHEN 'v' THEN 'view ' WHEN 'm' THEN 'view ' ELSE 'relation ' END || relname,
    concat_ws(', ', CASE relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized' ELSE relkind::text END,
        CASE relpersistence WHEN 'u' THEN 'unlogged' END,
        CASE WHEN relrowsecurity THEN 'row security' END,
        CASE WHEN relowner <> (SELECT relowner FROM rel WHERE relname = 'goose_db_version') THEN 'of another owner' END,
        CASE WHEN relkind IN ('v', 'm') THEN md5(pg_get_viewdef(oid)) END)
FROM rel WHERE relkind IN ('r', 'p', 'v', 'm', 'f')
UNION ALL
SELECT 'sequence ' || rel.relname, format('%s from %s by %s between %s and %s%s', s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmin, s.seqmax,
        CASE WHEN s.seqcycle THEN ' cycle' END)
FROM rel JOIN pg_sequence s ON s.seqrelid = rel.oid
UNION ALL
SELECT 'column ' || rel.relname || '.' || a.attname, concat_ws(' ', format_type(a.atttypid, a.atttypmod),
        CASE WHEN a.attnotnull THEN 'not null' ELSE 'null' END,
        CASE a.attidentity WHEN 'a' THEN 'always identity' WHEN 'd' THEN 'default identity' END,
        CASE WHEN a.attgenerated <> '' THEN 'generated' END,
        'default ' || pg_get_expr(d.adbin, d.adrelid),
        CASE WHEN a.attcollation <> t.typcollation THEN 'collate ' || a.attcollation::regcollation END)
FROM rel JOIN pg_attribute a ON a.attrelid = rel.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE rel.relkind IN ('r', 'p', 'v', 'm', 'f')
UNION ALL
-- A not-null constraint (PostgreSQL 18) is told by its column.
SELECT 'constraint ' || rel.relname || '.' || c.conname, pg_get_constraintdef(c.oid)
FROM rel JOIN pg_constraint c ON c.conrelid = rel.oid AND c.contype NOT IN ('n', 't')
UNION ALL
SELECT 'index ' || rel.relname, pg_get_indexdef(rel.oid) || CASE WHEN i.indisvalid THEN '' ELSE ' (invalid)' END
FROM rel JOIN pg_index i ON i.indexrelid = rel.oid
UNION ALL
SELECT 'trigger ' || rel.relname || '.' || t.tgname, pg_get_triggerdef(t.oid) || CASE t.tgenabled WHEN 'O' THEN '' ELSE ' (not enabled)' END
FROM rel JOIN pg_trigger t ON t.tgrelid = rel.oid AND NOT t.tgisinternal
UNION ALL
-- A view's own rule is the view.
SELECT 'rule ' || rel.relname || '.' || r.rulename, pg_get_ruledef(r.oid)
FROM rel JOIN pg_rewrite r ON r.ev_class = rel.oid WHERE r.rulename <> '_RETURN'
UNION ALL
-- What others than the owner may do; on the schema, to make objects.
SELECT format('grant %s to %s', rel.relname, CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END),
    string_agg(g.may || CASE WHEN g.passes_on THEN ' with grant option' ELSE '' END, ', ' ORDER BY g.may)
FROM rel CROSS JOIN LATERAL (
    SELECT grantee, privilege_type AS may, is_grantable AS passes_on FROM aclexplode(rel.relacl)
    UNION ALL SELECT x.grantee, format('%s (%s)', x.privilege_type, a.attname), x.is_grantable
        FROM pg_attribute a CROSS JOIN LATERAL aclexplode(a.attacl) x WHERE a.attrelid = rel.oid
) g WHERE g.grantee <> rel.relowner GROUP BY rel.relname, g.grantee
UNION ALL
SELECT format('grant schema public to %s', CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END), g.privilege_type
FROM pg_namespace n CROSS JOIN LATERAL aclexplode(n.nspacl) g
WHERE n.nspname = 'public' AND g.privilege_type = 'CREATE' AND g.grantee <> n.nspowner
UNION ALL
SELECT format('grant %s to %s', p.oid::regprocedure, CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END), g.privilege_type
FROM pg_proc p CROSS JOIN LATERAL aclexplode(p.proacl) g
WHERE p.pronamespace = 'public'::regnamespace AND g.grantee <> p.proowner
  AND NOT EXISTS (SELECT FROM foreign_objects f WHERE f.classid = 'pg_proc'::regclass AND f.objid = p.oid)
UNION ALL
-- The roles of the services. Whether one may log in is the installation's choice.
SELECT 'role ' || r.rolname, concat_ws(', ', CASE WHEN r.rolsuper THEN 'superuser' END, CASE WHEN r.rolcreatedb THEN 'makes databases' END,
        CASE WHEN r.rolcreaterole THEN 'makes roles' END, CASE WHEN r.rolreplication THEN 'replicates' END, CASE WHEN r.rolbypassrls THEN 'bypasses row security' END,
        (SELECT string_agg('member of ' || m.roleid::regrole, ', ' ORDER BY m.roleid::regrole::text) FROM pg_auth_members m WHERE m.member = r.oid),
        (SELECT string_agg(setting, ', ' ORDER BY setting) FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) AS setting
            WHERE s.setrole = r.oid AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))))
FROM pg_roles r WHERE r.rolname ~ '^app_(api|admin|worker|scheduler|jobs_ui)$'
UNION ALL
SELECT 'policy ' || rel.relname || '.' || p.polname, format('%s %s %s', p.polcmd, pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
FROM rel JOIN pg_policy p ON p.polrelid = rel.oid
UNION ALL
SELECT 'function ' || p.oid::regprocedure, concat_ws(' ', p.prokind, coalesce(pg_get_function_result(p.oid), ''), md5(p.prosrc),
        CASE WHEN p.prosecdef THEN 'security definer' END, array_to_string(p.proconfig, ', '))
FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace
  AND NOT EXISTS (SELECT FROM foreign_objects f WHERE f.classid = 'pg_proc'::regclass AND f.objid = p.oid)
UNION ALL
SELECT 'type ' || t.typname, CASE t.typtype
        WHEN 'e' THEN 'enum ' || (SELECT string_agg(enumlabel, ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid)
        WHEN 'd' THEN 'domain ' || format_type(t.typbasetype, t.typtypmod) ELSE t.typtype::text END
FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
WHERE t.typnamespace = 'public'::regnamespace AND t.typelem = 0 AND (t.typrelid = 0 OR c.relkind = 'c') AND t.typtype <> 'm'
  AND NOT EXISTS (SELECT FROM foreign_objects f WHERE f.classid = 'pg_type'::regclass AND f.objid = t.oid)
ORDER BY object
