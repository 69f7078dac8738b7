-- Two hashes of all that the document of the catalog is made of: of the definitions, which are the
-- same for all sessions, and of what this session and its role make of them. Rows of a catalog that change
-- only by new versions are told apart by the transaction that made them. Of pg_class, whose rows
-- change by TRUNCATE and REFRESH too, the columns that matter are looked at.
with
relation as (
    select c.oid, pg_catalog.hashtextextended(pg_catalog.concat_ws('|',
               c.oid, c.relname, c.relnamespace, c.relkind, c.relpersistence, c.relowner, c.relnatts,
               c.relrowsecurity, c.relforcerowsecurity, c.relispartition, c.relacl), 0) as hash
    from pg_catalog.pg_class c
    where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'c')
      and c.oid >= 16384
      and c.relpersistence <> 't'
),
-- What only this session sees.
temporary as (
    select pg_catalog.string_agg(pg_catalog.concat_ws('|', c.oid, c.relname, c.relkind, c.relnatts), ',' order by c.oid) as relations
    from pg_catalog.pg_class c
    where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'c')
      and c.relnamespace = pg_catalog.pg_my_temp_schema()
),
part as (
    select 'class' as catalog, oid::pg_catalog.int8 as id, hash as version from relation
    union all
    select 'inherits', i.inhrelid::pg_catalog.int8 << 32 | i.inhparent::pg_catalog.int8, i.xmin::pg_catalog.text::pg_catalog.int8
    from pg_catalog.pg_inherits i join relation r on r.oid = i.inhrelid
    union all
    select 'rewrite', w.oid::pg_catalog.int8, w.xmin::pg_catalog.text::pg_catalog.int8
    from pg_catalog.pg_rewrite w join relation r on r.oid = w.ev_class
    union all
    select 'constraint', k.oid::pg_catalog.int8, k.xmin::pg_catalog.text::pg_catalog.int8
    from pg_catalog.pg_constraint k join relation r on r.oid = k.conrelid
    where k.contype in ('f', 'c')
    union all
    select 'domain constraint', k.oid::pg_catalog.int8, k.xmin::pg_catalog.text::pg_catalog.int8
    from pg_catalog.pg_constraint k
    where k.contypid <> 0
    union all
    select 'trigger', t.oid::pg_catalog.int8, t.xmin::pg_catalog.text::pg_catalog.int8
    from pg_catalog.pg_trigger t join relation r on r.oid = t.tgrelid
    where t.tgfoid >= 16384
    union all
    select 'event trigger', v.oid::pg_catalog.int8, v.xmin::pg_catalog.text::pg_catalog.int8
    from pg_catalog.pg_event_trigger v
    union all
    select 'attrdef', a.oid::pg_catalog.int8, a.xmin::pg_catalog.text::pg_catalog.int8
    from pg_catalog.pg_attrdef a join relation r on r.oid = a.adrelid
    union all
    select 'policy', p.oid::pg_catalog.int8, p.xmin::pg_catalog.text::pg_catalog.int8
    from pg_catalog.pg_policy p
    union all
    -- Names of columns are in the texts of views; types of the user's may be domains.
    select 'attribute', a.attrelid::pg_catalog.int8 << 32 | a.attnum,
           pg_catalog.hashtextextended(
               pg_catalog.concat_ws('|', a.attcollation, a.attgenerated, a.attname),
               a.atttypid::pg_catalog.int8)
    from pg_catalog.pg_attribute a join relation r on r.oid = a.attrelid
    where a.attnum > 0
    union all
    -- Its row changes by CLUSTER and REPLICA IDENTITY, too.
    select 'unique index', i.indexrelid::pg_catalog.int8, pg_catalog.hashtextextended(
               pg_catalog.concat_ws('|', i.indrelid, i.indisprimary, i.indimmediate, i.indisvalid,
                   i.indisready, i.indislive, i.indnkeyatts, i.indkey), 0)
    from pg_catalog.pg_index i join relation r on r.oid = i.indrelid
    where i.indisunique
    union all
    select 'proc', p.oid::pg_catalog.int8, p.xmin::pg_catalog.text::pg_catalog.int8
    from pg_catalog.pg_proc p
    where p.oid >= 16384
    union all
    select 'aggregate', a.aggfnoid::pg_catalog.oid::pg_catalog.int8, a.xmin::pg_catalog.text::pg_catalog.int8
    from pg_catalog.pg_aggregate a
    where a.aggfnoid::pg_catalog.oid >= 16384
    union all
    select 'operator', o.oid::pg_catalog.int8, o.xmin::pg_catalog.text::pg_catalog.int8
    from pg_catalog.pg_operator o
    where o.oid >= 16384
    union all
    select 'amop', a.oid::pg_catalog.int8, a.xmin::pg_catalog.text::pg_catalog.int8
    from pg_catalog.pg_amop a
    where a.oid >= 16384
    union all
    select 'cast', k.oid::pg_catalog.int8, k.xmin::pg_catalog.text::pg_catalog.int8
    from pg_catalog.pg_cast k
    where k.oid >= 16384
    union all
    -- Composite types are above, among the relations.
    select 'type', t.oid::pg_catalog.int8, t.xmin::pg_catalog.text::pg_catalog.int8
    from pg_catalog.pg_type t
    where t.oid >= 16384 and t.typtype in ('d', 'e', 'r')
    union all
    select 'enum', e.oid::pg_catalog.int8, e.xmin::pg_catalog.text::pg_catalog.int8
    from pg_catalog.pg_enum e
    union all
    select 'namespace', n.oid::pg_catalog.int8, n.xmin::pg_catalog.text::pg_catalog.int8
    from pg_catalog.pg_namespace n
    where n.nspname !~ '^pg_(toast_)?temp_'
    union all
    select 'extension', e.oid::pg_catalog.int8, e.xmin::pg_catalog.text::pg_catalog.int8
    from pg_catalog.pg_extension e
    union all
    select 'member', d.objid::pg_catalog.int8, d.refobjid::pg_catalog.int8
    from pg_catalog.pg_depend d
    where d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
      and d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.deptype = 'e'
    union all
    -- Who the user is decides whether row-level security holds.
    select 'role', m.roleid::pg_catalog.int8 << 32 | m.member::pg_catalog.int8, m.xmin::pg_catalog.text::pg_catalog.int8
    from pg_catalog.pg_auth_members m
    union all
    -- Transactions may run as any of them.
    select 'role rights', r.oid::pg_catalog.int8, pg_catalog.hashtextextended(
               pg_catalog.concat_ws('|', r.rolname, r.rolsuper, r.rolinherit, r.rolbypassrls), 0)
    from pg_catalog.pg_roles r
)
select pg_catalog.md5(pg_catalog.concat_ws('|',
    pg_catalog.current_setting('server_version_num'),
    (select pg_catalog.string_agg(pg_catalog.concat_ws(':', catalog, number, hash), ',' order by catalog)
     from (
         select catalog, pg_catalog.count(*) as number,
                pg_catalog.sum(pg_catalog.hashint8extended(id, version)) as hash
         from part
         group by catalog
     ) sums)
)) || ' ' || pg_catalog.md5(pg_catalog.concat_ws('|',
    pg_catalog.current_setting('row_security'),
    current_user,
    (select pg_catalog.concat_ws(',', r.rolsuper, r.rolbypassrls)
     from pg_catalog.pg_roles r where r.rolname = current_user),
    pg_catalog.current_schemas(false)::pg_catalog.text,
    (select relations from temporary)
))
