-- Conservation: every delivery is an event of some session or a listed copy of one; none is lost, none counted twice.
select
    (select count(*) from lake_events) as delivery_count,
    (select coalesce(sum(event_count), 0)::bigint from int_session_days) as event_count,
    (select count(*) from stg_duplicate_deliveries) as duplicate_count
where delivery_count <> event_count + duplicate_count
