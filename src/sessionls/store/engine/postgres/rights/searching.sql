-- Search for logins that do not see all rows.
--
-- The full-text indexes have, beside the words of a message, who may read it and where its session belongs. So a search reads
-- neither what others have nor what is elsewhere. `readers` and `places` may have more than is true (somebody lost access, a
-- session moved), but never less: every function below also checks the access itself.
--
-- The entries of an index are in no order. To find the newest matches without reading all of them, each reader stands in the
-- index with the block of numbers that the row is in, for blocks of several sizes. The newest blocks are searched first.

CREATE FUNCTION sessionls_levels() RETURNS integer[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT '@levels@'::integer[] $$;

-- The keys of a reader in the index, for the row with that number.
CREATE FUNCTION sessionls_keys(number bigint, person text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT array_agg(level || ':' || (number >> level) || ':' || person) FROM unnest('@levels@'::integer[]) AS level
$$;

-- The keys of the caller for the blocks of one size from `low` to `high`.
CREATE FUNCTION sessionls_own_keys(level integer, low bigint, high bigint) RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT array_agg(level || ':' || block || ':' || who)
  FROM generate_series(low, high) AS block, unnest(ARRAY[session_user::text, 'team']) AS who
$$;

-- Who may read that part of a session.
CREATE FUNCTION sessionls_readers(target text, at bigint) RETURNS SETOF text LANGUAGE sql STABLE SET search_path = pg_catalog, @schema@, pg_temp AS $$
  SELECT DISTINCT reader FROM access WHERE session_id = target AND role > 0 AND at <= place
$$;

-- Where that part of a session belongs: to the places of the session and of the forks that share this part.
CREATE FUNCTION sessionls_places(target text, at bigint) RETURNS SETOF text LANGUAGE sql STABLE SET search_path = pg_catalog, @schema@, pg_temp AS $$
  SELECT DISTINCT p.kind || ':' || p.value FROM access AS a JOIN session_places AS p ON p.session_id = a.heir
  WHERE a.session_id = target AND at <= a.place AND p.kind <> 'identity'
$$;

CREATE FUNCTION sessionls_words_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, @schema@, pg_temp AS $$
DECLARE of_session text; at bigint;
BEGIN
  SELECT session_id, coalesce(place, 9007199254740992) INTO of_session, at FROM messages WHERE n = NEW.n;
  NEW.readers := ARRAY(SELECT unnest(sessionls_keys(NEW.n, one)) FROM sessionls_readers(of_session, at) AS one);
  NEW.places := ARRAY(SELECT sessionls_places(of_session, at));
  RETURN NEW;
END $$;

CREATE FUNCTION sessionls_pieces_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, @schema@, pg_temp AS $$
BEGIN
  NEW.readers := ARRAY(
    SELECT unnest(sessionls_keys(NEW.n, a.reader)) FROM titles AS t
    JOIN access AS a ON a.session_id = t.session_id AND a.heir = t.session_id AND a.role > 0 WHERE t.n = NEW.n);
  RETURN NEW;
END $$;

-- The session and its ancestors, each with the place up to which the session shares it, and how far it is from the session.
CREATE FUNCTION sessionls_lineage(target text) RETURNS TABLE (id text, top bigint, depth integer) LANGUAGE sql STABLE SET search_path = pg_catalog, @schema@, pg_temp AS $$
  WITH RECURSIVE lineage AS (
    SELECT s.id, 9007199254740992 AS top, s.parent_id, s.fork_place::bigint AS fork_place, 0 AS depth FROM sessions AS s WHERE s.id = target
    UNION ALL
    SELECT s.id, least(lineage.top, lineage.fork_place), s.parent_id, s.fork_place::bigint, lineage.depth + 1
    FROM lineage JOIN sessions AS s ON s.id = lineage.parent_id
  ) SELECT id, top, depth FROM lineage
$$;

-- Adds a reader to the indexed messages of a session, and to those that it shares with its ancestors. (A reader of an ancestor
-- is there already, and in what that one shares.)
CREATE FUNCTION sessionls_index_reader(target text, person text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, @schema@, pg_temp AS $$
DECLARE line record;
BEGIN
  FOR line IN SELECT id, top FROM sessionls_lineage(target) ORDER BY depth LOOP
    EXIT WHEN line.id <> target AND EXISTS (
      SELECT 1 FROM access WHERE session_id = line.id AND heir = line.id AND reader = person AND role > 0);
    UPDATE message_text AS f SET readers = f.readers || sessionls_keys(f.n, person) FROM messages AS m
      WHERE m.session_id = line.id AND f.n = m.n AND coalesce(m.place, 9007199254740992) <= line.top
        AND NOT f.readers @> sessionls_keys(f.n, person);
  END LOOP;
  UPDATE title_pieces AS p SET readers = p.readers || sessionls_keys(p.n, person) FROM titles AS t
    WHERE t.session_id = target AND p.n = t.n AND NOT p.readers @> sessionls_keys(p.n, person);
END $$;

-- The same for a place.
CREATE FUNCTION sessionls_index_place(target text, of_kind text, of_value text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, @schema@, pg_temp AS $$
DECLARE line record; whole text := of_kind || ':' || of_value;
BEGIN
  IF of_kind = 'identity' THEN RETURN; END IF;
  FOR line IN SELECT id, top FROM sessionls_lineage(target) ORDER BY depth LOOP
    EXIT WHEN line.id <> target AND EXISTS (
      SELECT 1 FROM session_places WHERE session_id = line.id AND kind = of_kind AND value = of_value);
    UPDATE message_text AS f SET places = f.places || whole FROM messages AS m
      WHERE m.session_id = line.id AND f.n = m.n AND coalesce(m.place, 9007199254740992) <= line.top
        AND NOT f.places @> ARRAY[whole];
  END LOOP;
END $$;

-- Indexes the words of a message, together with the event of the caller that adds, ends or withdraws it. `words`: NULL for none.
CREATE FUNCTION sessionls_index_words(target text, wanted text, words text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, @schema@, pg_temp AS $$
DECLARE number bigint;
BEGIN
  SELECT m.n INTO number FROM messages AS m JOIN sessions AS s ON s.id = m.session_id
    JOIN events AS e ON e.session_id = s.id AND (e.seq > s.seq OR s.rev < 0)
    WHERE m.session_id = target AND m.id = wanted AND e.login = session_user
      AND e.kind IN ('messageSent', 'replyFinished', 'messageWithdrawn')
      AND m.id IN (sessionls_json(e.message)->>'id', sessionls_json(e.data)->>'messageId')
    LIMIT 1;
  IF number IS NULL THEN
    RAISE insufficient_privilege USING MESSAGE = 'the words of a message must be indexed with its event';
  ELSIF words IS NULL THEN
    DELETE FROM message_text WHERE n = number;
  ELSE
    INSERT INTO message_text AS f (n, words) VALUES (number, CAST(sessionls_index_words.words AS tsvector))
      ON CONFLICT (n) DO UPDATE SET words = excluded.words;
  END IF;
END $$;

-- The numbers of at most `most` messages with one of these keys. (Without SECURITY DEFINER: it is for the functions below.)
-- Only the index of words is used: the server's estimates do not know that a word is common only in what the reader does not see.
CREATE FUNCTION sessionls_numbers(keys text[], query tsquery, within text[], most bigint) RETURNS bigint[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, @schema@, pg_temp SET plan_cache_mode = force_custom_plan
SET enable_seqscan = off SET enable_indexscan = off SET enable_indexonlyscan = off SET work_mem = '64MB' AS $$
BEGIN
  IF within IS NULL THEN
    RETURN ARRAY(SELECT n FROM message_text WHERE readers && keys AND words @@ query LIMIT most);
  END IF;
  RETURN ARRAY(SELECT n FROM message_text WHERE readers && keys AND words @@ query AND places && within LIMIT most);
END $$;

-- The same for a few messages, whose words are compared: to find a prefix, the index reads all words that have it.
CREATE FUNCTION sessionls_numbers_among(keys text[], query tsquery, within text[]) RETURNS bigint[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, @schema@, pg_temp SET plan_cache_mode = force_custom_plan
SET enable_seqscan = off SET enable_indexscan = off SET enable_indexonlyscan = off AS $$
BEGIN
  RETURN ARRAY(
    SELECT few.n FROM (
      SELECT n, words FROM message_text WHERE readers && keys AND (within IS NULL OR places && within) OFFSET 0
    ) AS few WHERE few.words @@ query);
END $$;

CREATE FUNCTION sessionls_title_numbers(keys text[], wanted text[], most bigint) RETURNS bigint[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, @schema@, pg_temp SET plan_cache_mode = force_custom_plan
SET enable_seqscan = off SET enable_indexscan = off SET enable_indexonlyscan = off AS $$
BEGIN
  RETURN ARRAY(SELECT n FROM title_pieces WHERE readers && keys AND pieces @> wanted LIMIT most);
END $$;

-- The newest matches that the caller may read, below a number. `within`: the places that are searched (NULL: all).
CREATE FUNCTION sessionls_matches(wanted text, below bigint, batch integer, within text[])
RETURNS TABLE (n bigint, session_id text, id text, place integer, deleted boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, @schema@, pg_temp
SET plan_cache_mode = force_custom_plan AS $$
DECLARE
  query tsquery := CAST(wanted AS tsquery); begins boolean := wanted LIKE '%:*%'; most integer := least(batch, 1000); found integer := 0; added integer;
  levels integer[] := sessionls_levels(); at integer := 1; top bigint; low bigint; keys text[]; numbers bigint[];
BEGIN
  SELECT least(below - 1, max(f.n)) INTO top FROM message_text AS f;
  WHILE top >= 0 AND found < most LOOP
    -- The newest eight of the smallest blocks, then to the beginning of the next larger block.
    low := CASE at
      WHEN 1 THEN greatest((top >> levels[1]) - 7, 0)
      WHEN cardinality(levels) THEN 0
      ELSE (top >> levels[at + 1]) << (levels[at + 1] - levels[at]) END;
    keys := sessionls_own_keys(levels[at], low, top >> levels[at]);
    IF begins AND at = 1 THEN
      numbers := sessionls_numbers_among(keys, query, within);
    ELSE
      numbers := sessionls_numbers(keys, query, within, @many@ + 1);
      IF cardinality(numbers) > @many@ AND at > 1 THEN  -- the newest of them are in smaller blocks
        at := at - 1;
        CONTINUE;
      END IF;
    END IF;
    RETURN QUERY
      SELECT m.n, m.session_id, m.id, m.place, NOT seen.direct
      FROM (SELECT one FROM unnest(numbers) AS one WHERE one <= top ORDER BY one DESC) AS newest
      CROSS JOIN LATERAL (SELECT * FROM messages WHERE messages.n = newest.one OFFSET 0) AS m
      CROSS JOIN LATERAL (
        SELECT bool_or(a.heir = a.session_id) AS direct FROM access AS a
        WHERE a.session_id = m.session_id AND a.reader IN (session_user, 'team') AND a.role > 0
          AND coalesce(m.place, 9007199254740992) <= a.place
      ) AS seen
      WHERE seen.direct IS NOT NULL
      ORDER BY newest.one DESC LIMIT most - found;
    GET DIAGNOSTICS added = ROW_COUNT;
    found := found + added;
    top := (low << levels[at]) - 1;
    at := CASE WHEN begins THEN cardinality(levels) ELSE least(at + 1, cardinality(levels)) END;
  END LOOP;
END $$;

CREATE FUNCTION sessionls_ranks(wanted text, those bigint[]) RETURNS TABLE (n bigint, rank real) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, @schema@, pg_temp AS $$
  SELECT f.n, - ts_rank(f.words, CAST(wanted AS tsquery), 1) FROM message_text AS f JOIN messages AS m ON m.n = f.n
  WHERE f.n = ANY (those) AND EXISTS (
    SELECT 1 FROM access AS a WHERE a.session_id = m.session_id AND a.reader IN (session_user, 'team') AND a.role > 0
      AND coalesce(m.place, 9007199254740992) <= a.place)
$$;

-- (OFFSET 0, here and above: each row is looked up, and no table is read whole.)
--
-- The sessions that the caller may see with all these pieces in their titles; more than `most` need not be complete.
CREATE FUNCTION sessionls_titled(wanted text[], most bigint) RETURNS TABLE (session_id text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, @schema@, pg_temp
SET plan_cache_mode = force_custom_plan AS $$
DECLARE
  levels integer[] := sessionls_levels(); at integer := 1; top bigint; low bigint; keys text[]; numbers bigint[];
  found bigint := 0; added bigint;
BEGIN
  SELECT max(p.n) INTO top FROM title_pieces AS p;
  WHILE top >= 0 AND (most IS NULL OR found < most) LOOP
    low := CASE at
      WHEN 1 THEN greatest((top >> levels[1]) - 7, 0)
      WHEN cardinality(levels) THEN 0
      ELSE (top >> levels[at + 1]) << (levels[at + 1] - levels[at]) END;
    keys := sessionls_own_keys(levels[at], low, top >> levels[at]);
    numbers := sessionls_title_numbers(keys, wanted, most);
    RETURN QUERY
      SELECT t.session_id FROM unnest(numbers) AS one
      CROSS JOIN LATERAL (SELECT titles.session_id FROM titles WHERE titles.n = one AND one <= top OFFSET 0) AS t
      WHERE EXISTS (
        SELECT 1 FROM access AS a WHERE a.session_id = t.session_id AND a.heir = t.session_id
          AND a.reader IN (session_user, 'team') AND a.role > 0 OFFSET 0);
    GET DIAGNOSTICS added = ROW_COUNT;
    found := found + added;
    top := (low << levels[at]) - 1;
    at := least(at + 1, cardinality(levels));
  END LOOP;
END $$;
