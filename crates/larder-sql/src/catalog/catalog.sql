-- One document of what the catalog says of tables and functions.
-- Objects with ids from 16384 on are the user's, and those below were made with the database.
with recursive
relation as (
    select c.oid, n.nspname, c.relname, c.relkind, c.relpersistence, c.relrowsecurity,
           n.nspname in ('pg_catalog', 'information_schema') as is_system
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
      and n.nspname <> 'pg_toast'
      -- Temporary tables of other sessions come and go, and nobody else can read them.
      and (c.relpersistence <> 't' or c.relnamespace = pg_catalog.pg_my_temp_schema())
),
-- An aggregate is always called IMMUTABLE. What it really is, the functions say of which it is
-- made.
aggregate as (
    select a.aggfnoid::pg_catalog.oid as oid,
           case when pg_catalog.bool_or(p.provolatile = 'v') then 'v'
                when pg_catalog.bool_or(p.provolatile = 's') then 's'
                else 'i' end as volatility
    from pg_catalog.pg_aggregate a
    cross join lateral pg_catalog.unnest(array[
        a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn,
        a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn]::pg_catalog.oid[]) part (oid)
    join pg_catalog.pg_proc p on p.oid = part.oid
    where a.aggfnoid::pg_catalog.oid >= 16384
    group by a.aggfnoid
),
-- Functions other than PostgreSQL's own.
function as (
    select p.oid, n.nspname, p.proname, p.proargtypes, p.provariadic, p.prorettype, p.pronargs,
           p.pronargdefaults, p.proargdefaults,
           coalesce(a.volatility, p.provolatile::text) as volatility
    from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    left join aggregate a on a.oid = p.oid
    where p.oid >= 16384 or p.pronamespace <> 'pg_catalog'::pg_catalog.regnamespace
),
-- Functions that may do more than give a result; what the defaults of arguments do is not
-- looked at here.
suspect as (
    select oid from function where volatility <> 'i' or proargdefaults is not null
),
-- Which suspects an object calls, by name or by an operator.
direct_call as (
    select d.classid, d.objid, d.refobjid as function
    from pg_catalog.pg_depend d
    where d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
      and d.refobjid in (select oid from suspect)
    union
    select d.classid, d.objid, o.oprcode::pg_catalog.oid
    from pg_catalog.pg_operator o
    join pg_catalog.pg_depend d
      on d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass and d.refobjid = o.oid
    where o.oprcode::pg_catalog.oid in (select oid from suspect)
),
-- Types that hold values of other types: domains, arrays, ranges, composite types and rows.
made_of as (
    select t.typbasetype as part, t.oid as whole
    from pg_catalog.pg_type t
    where t.typbasetype >= 16384
    union all
    select t.typelem, t.oid
    from pg_catalog.pg_type t
    where t.typelem >= 16384
    union all
    select r.rngsubtype, r.rngtypid
    from pg_catalog.pg_range r
    where r.rngsubtype >= 16384
    union all
    select a.atttypid, c.reltype
    from pg_catalog.pg_class c
    join pg_catalog.pg_attribute a on a.attrelid = c.oid
    where c.reltype <> 0 and a.atttypid >= 16384 and not a.attisdropped
),
-- Domains that call suspects, and what is made of such domains.
suspect_type as (
    select c.contypid as oid, d.function
    from direct_call d
    join pg_catalog.pg_constraint c
      on d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass and c.oid = d.objid
    where c.contypid <> 0
    union
    select t.oid, d.function
    from direct_call d
    join pg_catalog.pg_type t
      on d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass and t.oid = d.objid
    where t.typtype = 'd'
    union
    select m.whole, s.function
    from suspect_type s
    join made_of m on m.part = s.oid
),
call as (
    select classid, objid, function from direct_call
    union
    select d.classid, d.objid, s.function
    from suspect_type s
    join pg_catalog.pg_depend d
      on d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass and d.refobjid = s.oid
),
view_rule as (
    select r.oid, r.ev_class
    from pg_catalog.pg_rewrite r
    join relation v on v.oid = r.ev_class
    where r.ev_type = '1' and v.relkind in ('v', 'm') and not v.is_system
),
-- What decides which rows are seen. Policies of writes alone are left out.
read_policy as (
    select p.oid, p.polrelid, p.polname, p.polqual
    from pg_catalog.pg_policy p
    join relation r on r.oid = p.polrelid
    where p.polcmd in ('*', 'r')
),
expression as (
    select a.adrelid as relation, c.function, false as on_read
    from call c
    join pg_catalog.pg_attrdef a
      on c.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass and a.oid = c.objid
    union
    select k.conrelid, c.function, false
    from call c
    join pg_catalog.pg_constraint k
      on c.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass and k.oid = c.objid
    where k.conrelid <> 0
    union
    -- The condition of a trigger.
    select t.tgrelid, c.function, false
    from call c
    join pg_catalog.pg_trigger t
      on c.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass and t.oid = c.objid
    where t.tgfoid <> c.function
    union
    select a.attrelid, s.function, false
    from suspect_type s
    join pg_catalog.pg_attribute a on a.atttypid = s.oid
    -- Such a type is the user's. Said twice, because the planner then expects few columns: a
    -- query that looks expensive is compiled first, which takes seconds.
    where a.atttypid >= 16384 and not a.attisdropped
    union
    select p.polrelid, c.function, true
    from call c
    join pg_catalog.pg_policy p
      on c.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass and p.oid = c.objid
),
-- Names in a text that may be the call of a suspect: anywhere, or in the place of a type.
mention as (
    -- A function of one row can be called like a column of it.
    select f.proname as name, f.oid as function, false as as_type
    from function f
    join pg_catalog.pg_type t on t.oid in (f.proargtypes[0], f.provariadic)
    where f.oid in (select oid from suspect)
      and f.pronargs > 0 and f.pronargs - f.pronargdefaults <= 1
      and (t.typtype in ('c', 'p') or t.typtype = 'd' and exists (
          select from pg_catalog.pg_type base where base.oid = t.typbasetype and base.typtype = 'c'))
    union
    select f.proname, s.function, false
    from suspect_type s
    join function f on s.oid = f.prorettype or s.oid = any (f.proargtypes::pg_catalog.oid[])
    union
    select t.typname, s.function, true
    from suspect_type s
    join pg_catalog.pg_type t on t.oid = s.oid
    union
    select t.typname, k.castfunc, true
    from pg_catalog.pg_cast k
    join pg_catalog.pg_type t on t.oid = k.casttarget
    where k.castfunc in (select oid from suspect) and k.castcontext = 'e' and t.oid >= 16384
),
operator as (
    select o.oprname as name, o.oprcode::pg_catalog.oid as function,
           exists (select from pg_catalog.pg_amop a where a.amopopr = o.oid) as implicit
    from pg_catalog.pg_operator o
    where o.oprcode::pg_catalog.oid in (select oid from suspect)
    union
    -- The planner may take one in place of the other.
    select other.oprname, o.oprcode::pg_catalog.oid, false
    from pg_catalog.pg_operator o
    join pg_catalog.pg_operator other on other.oid in (o.oprcom, o.oprnegate)
    where o.oprcode::pg_catalog.oid in (select oid from suspect)
),
-- Primary keys of one column that hold at every moment. A generated column changes with others.
row_key as (
    select i.indrelid, a.attname, a.atttypid, coalesce(l.collisdeterministic, true) as deterministic,
           not exists (
               select from pg_catalog.pg_index other
               where other.indrelid = i.indrelid and other.indexrelid <> i.indexrelid
                 and other.indisunique and other.indnkeyatts = 1
                 and other.indkey[0] = i.indkey[0]) as sole
    from pg_catalog.pg_index i
    join relation r on r.oid = i.indrelid
    join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
    left join pg_catalog.pg_collation l on l.oid = a.attcollation
    where i.indisprimary and i.indnkeyatts = 1 and i.indimmediate and i.indisvalid and i.indisready
      and i.indislive and a.attgenerated = '' and r.relkind = 'r' and not r.is_system
),
system_function as (
    select p.proname,
           case when pg_catalog.bool_or(p.provolatile = 'v') then 'v'
                when pg_catalog.bool_or(p.provolatile = 's') then 's'
                else 'i' end as volatility
    from pg_catalog.pg_proc p
    where p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace and p.oid < 16384
    group by p.proname
)
select pg_catalog.jsonb_build_object(
    'search_path', pg_catalog.to_jsonb(pg_catalog.current_schemas(true)::pg_catalog.text[]),
    'relations', (
        select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
            'oid', oid::pg_catalog.int8,
            'schema', nspname,
            'name', relname,
            'kind', relkind,
            'temporary', relpersistence = 't',
            'row_security', relrowsecurity,
            'row_security_active', relrowsecurity and pg_catalog.row_security_active(oid),
            'updatable', case when relkind = 'v' and not is_system
                then pg_catalog.pg_relation_is_updatable(oid::pg_catalog.regclass, false) else 0 end,
            'definition', case when relkind in ('v', 'm') and not is_system
                then pg_catalog.pg_get_viewdef(oid) end
        )), '[]') from relation),
    'row_keys', (
        select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
            'table', indrelid::pg_catalog.int8,
            'column', attname,
            'type', atttypid::pg_catalog.int8,
            'deterministic', deterministic,
            'sole', sole)), '[]')
        from row_key),
    'own_equality', exists (
        select from pg_catalog.pg_operator o
        where o.oid >= 16384 and o.oprname = '=' and o.oprleft < 16384 and o.oprright < 16384),
    'aggregates', (
        select coalesce(pg_catalog.jsonb_agg(distinct p.proname), '[]')
        from pg_catalog.pg_proc p
        where p.prokind = 'a'
          and (p.oid >= 16384 or p.pronamespace <> 'pg_catalog'::pg_catalog.regnamespace)),
    'inheritance', (
        select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(
            i.inhrelid::pg_catalog.int8, i.inhparent::pg_catalog.int8)), '[]')
        from pg_catalog.pg_inherits i
        join relation r on r.oid = i.inhrelid),
    'view_relations', (
        select coalesce(pg_catalog.jsonb_agg(distinct pg_catalog.jsonb_build_array(
            v.ev_class::pg_catalog.int8, d.refobjid::pg_catalog.int8)), '[]')
        from view_rule v
        join pg_catalog.pg_depend d
          on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = v.oid
        where d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid <> v.ev_class),
    'view_functions', (
        select coalesce(pg_catalog.jsonb_agg(distinct pg_catalog.jsonb_build_array(
            v.ev_class::pg_catalog.int8, c.function::pg_catalog.int8)), '[]')
        from view_rule v
        join call c on c.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and c.objid = v.oid),
    'foreign_keys', (
        select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
            'from', k.conrelid::pg_catalog.int8,
            'to', k.confrelid::pg_catalog.int8,
            'on_update', k.confupdtype,
            'on_delete', k.confdeltype)), '[]')
        from pg_catalog.pg_constraint k
        join relation r on r.oid = k.conrelid
        where k.contype = 'f'),
    -- Functions of PostgreSQL's own act on the row at hand, or are those of foreign keys.
    'triggers', (
        select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
            'table', t.tgrelid::pg_catalog.int8,
            'name', t.tgname,
            'function', t.tgfoid::pg_catalog.int8,
            'events', t.tgtype)), '[]')
        from pg_catalog.pg_trigger t
        join relation r on r.oid = t.tgrelid
        where t.tgenabled <> 'D' and t.tgfoid >= 16384),
    'event_triggers', (
        select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
            'name', v.evtname,
            'function', v.evtfoid::pg_catalog.int8)), '[]')
        from pg_catalog.pg_event_trigger v
        where v.evtenabled <> 'D' and v.evtevent <> 'login'
          and (v.evttags is null or 'REFRESH MATERIALIZED VIEW' = any (v.evttags))),
    'rules', (
        select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
            'table', w.ev_class::pg_catalog.int8,
            'name', w.rulename,
            'event', w.ev_type)), '[]')
        from pg_catalog.pg_rewrite w
        join relation r on r.oid = w.ev_class
        where w.ev_type <> '1' and w.ev_enabled <> 'D' and not r.is_system),
    'expressions', (
        select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
            'table', e.relation::pg_catalog.int8,
            'function', e.function::pg_catalog.int8,
            'on_read', e.on_read)), '[]')
        from expression e
        join relation r on r.oid = e.relation),
    'policies', (
        select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
            'table', p.polrelid::pg_catalog.int8,
            'name', p.polname,
            'condition', pg_catalog.pg_get_expr(p.polqual, p.polrelid),
            'relations', (
                select coalesce(pg_catalog.jsonb_agg(distinct d.refobjid::pg_catalog.int8), '[]')
                from pg_catalog.pg_depend d
                where d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass and d.objid = p.oid
                  and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
                  and d.refobjid <> p.polrelid),
            'functions', (
                select coalesce(pg_catalog.jsonb_agg(distinct c.function::pg_catalog.int8), '[]')
                from call c
                where c.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass and c.objid = p.oid))), '[]')
        from read_policy p),
    'functions', (
        select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
            'oid', f.oid::pg_catalog.int8,
            'schema', f.nspname,
            'name', f.proname,
            'volatility', f.volatility,
            'extension', e.extname,
            'defaults', case when e.oid is null then pg_catalog.pg_get_expr(f.proargdefaults, 0) end)), '[]')
        from function f
        left join pg_catalog.pg_depend d
          on d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.objid = f.oid
         and d.deptype = 'e' and d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
        left join pg_catalog.pg_extension e on e.oid = d.refobjid),
    'operators', (
        select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
            'name', name, 'function', function::pg_catalog.int8, 'implicit', implicit)), '[]')
        from operator),
    'casts', (
        select coalesce(pg_catalog.jsonb_agg(distinct k.castfunc::pg_catalog.int8), '[]')
        from pg_catalog.pg_cast k
        where k.castfunc in (select oid from suspect)
          and (k.castcontext <> 'e' or k.casttarget < 16384)),
    'mentions', (
        select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
            'name', name, 'function', function::pg_catalog.int8, 'as_type', as_type)), '[]')
        from mention),
    'system_functions', (
        select pg_catalog.jsonb_build_object(
            'immutable', coalesce(pg_catalog.string_agg(proname, ' ') filter (where volatility = 'i'), ''),
            'stable', coalesce(pg_catalog.string_agg(proname, ' ') filter (where volatility = 's'), ''),
            'volatile', coalesce(pg_catalog.string_agg(proname, ' ') filter (where volatility = 'v'), ''))
        from system_function)
)
