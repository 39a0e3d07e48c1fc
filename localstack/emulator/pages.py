"""Pages of large partitions in MiniStack's DynamoDB, in the time that a page takes.

MiniStack 1.5.33 sorts the whole partition for each Query and parses the key condition again for each of its rows, while
every other call waits: a page of a partition with 100,000 rows stops the whole cloud for seconds. Here the keys of a large
partition are kept in order, and MiniStack's own Query is given the rows that its page can hold and no others, so that
what it answers stays its own.
"""

import bisect
import operator
import threading
import types

from ministack.services import dynamodb

LARGE = 200  # rows of a partition, from which on its keys are kept in order

first = operator.itemgetter(0)


class Order:
    """The keys of a table's large partitions, of the table's own and of its indexes': sorted (sort key, …, where the row is)."""

    def __init__(self, table):
        self.table = table
        self.partitions = {}  # (index or None, partition key) -> keys

    def keys(self, index, partition):
        """The keys of a partition, or None where it is too small to be worth it."""
        if (index, partition) not in self.partitions:
            at = self._rows(index, partition)
            if len(at) < LARGE:
                return None
            rows = self.table["items"]
            self.partitions[index, partition] = sorted(self.key(index, pk, sk, rows[pk][sk]) for pk, sk in at)
        return self.partitions[index, partition]

    def _rows(self, index, partition):
        if index is None:
            return [(partition, sk) for sk in self.table["items"].get(partition, ())]
        return dynamodb._index_members(self.table)[index].get(partition, ())

    def names(self, index):
        ranges = dynamodb._index_key_lists(dynamodb._index_def(self.table, index))[1] if index else [self.table["sk_name"]]
        return dynamodb._index_order_keys(self.table, ranges)

    def key(self, index, pk, sk, row):
        return (*(dynamodb._index_order_value(row, name, kind) for name, kind in self.names(index)), pk, sk)

    def change(self, index, partition, pk, sk, row, add):
        keys = self.partitions.get((index, partition))
        if keys is None:
            return
        key = self.key(index, pk, sk, row)
        if add:
            bisect.insort(keys, key)
        else:
            del keys[bisect.bisect_left(keys, key)]


orders = {}  # of id(table), which cannot be another table's while its Order holds the table
changing = threading.RLock()  # expired rows are removed by a thread of MiniStack's own


def order_of(table):
    if id(table) not in orders:
        orders[id(table)] = Order(table)
    return orders[id(table)]


def keep_in_order():
    """Has what changes a table's rows change the order of their keys."""
    set_item, remove_item = dynamodb._set_item, dynamodb._remove_item
    index_item, items_replaced, delete_table = dynamodb._index_item, dynamodb._items_replaced, dynamodb._delete_table

    def set_item_in_order(table, pk, sk, item):
        with changing:
            old = set_item(table, pk, sk, item)
            if old is None:
                order_of(table).change(None, pk, pk, sk, item, add=True)
            return old

    def remove_item_in_order(table, pk, sk):
        with changing:
            old = remove_item(table, pk, sk)
            if old is not None:
                order_of(table).change(None, pk, pk, sk, old, add=False)
            return old

    def index_item_in_order(table, pk, sk, item, add):
        index_item(table, pk, sk, item, add)
        for index, hashes, ranges in dynamodb._index_key_schemas(table):
            partition = dynamodb._index_partition(item, hashes, ranges)
            if partition is not None:
                order_of(table).change(index, partition, pk, sk, item, add)

    def items_replaced_and_forgotten(table):
        items_replaced(table)
        orders.pop(id(table), None)

    def delete_table_and_forget(data):
        table = dynamodb._tables.get(dynamodb._normalize_table_name(data.get("TableName")))
        orders.pop(id(table), None)
        return delete_table(data)

    dynamodb._set_item, dynamodb._remove_item = set_item_in_order, remove_item_in_order
    dynamodb._index_item, dynamodb._items_replaced = index_item_in_order, items_replaced_and_forgotten
    dynamodb._delete_table = delete_table_and_forget


def bounds(clauses, sort_key, names, values):
    """Which sort keys a condition allows: the first, the last and whether that one too; None of them: there is no such
    bound. Only what Lapak asks is understood: begins_with and less than, on text."""
    for clause in clauses:
        kinds = [kind for kind, _ in clause]
        words = [names.get(text, text) if kind == "NAME_REF" else text for kind, text in clause]
        if sort_key not in words:
            continue
        if kinds == ["IDENT", "LPAREN", "IDENT", "COMMA", "VALUE_REF", "RPAREN"] and words[0].lower() == "begins_with":
            prefix = values[words[4]]["S"]
            return prefix, prefix + chr(0x10FFFF), True
        if kinds == ["IDENT", "LT", "VALUE_REF"]:
            return None, values[words[2]]["S"], False
        raise ValueError("a condition that is not understood")
    return None, None, False


def rows_of_page(table, data):
    """Where the rows of the page that a Query asks for are, in (index or None, partition key, [(pk, sk)]).

    One row more than the page can hold is named. None: MiniStack had better look itself.
    """
    condition, limit, index = data.get("KeyConditionExpression"), data.get("Limit"), data.get("IndexName")
    names, values = data.get("ExpressionAttributeNames") or {}, data.get("ExpressionAttributeValues") or {}
    if not condition or not isinstance(limit, int):
        return None
    hash_key, sort_key, _ = dynamodb._resolve_index_keys(table, index)
    if index and [len(of) for of in dynamodb._index_key_lists(dynamodb._index_def(table, index))] != [1, 1]:
        return None
    partition = dynamodb._extract_pk_from_condition(condition, values, names, hash_key)
    order = order_of(table)
    keys = order.keys(index, partition) if partition is not None and sort_key else None
    if keys is None:
        return None

    low, high, inclusive = bounds(dynamodb._key_condition_clauses(dynamodb._tokenize(condition)), sort_key, names, values)
    begin, end = 0, len(keys)
    if low is not None:
        begin = bisect.bisect_left(keys, low, key=first)
    if high is not None:
        end = (bisect.bisect_right if inclusive else bisect.bisect_left)(keys, high, key=first)
    forward, start = data.get("ScanIndexForward", True), data.get("ExclusiveStartKey")
    if start:
        after = tuple(dynamodb._index_order_value(start, name, kind) for name, kind in order.names(index))
        of = len(after)
        if forward:
            begin = max(begin, bisect.bisect_right(keys, after, key=lambda key: key[:of]))
        else:
            end = min(end, bisect.bisect_left(keys, after, key=lambda key: key[:of]))
    page = keys[begin : min(end, begin + limit + 1)] if forward else keys[max(begin, end - limit - 1) : end]
    return index, partition, [key[-2:] for key in page]


def query_pages():
    """Gives MiniStack's Query a table that holds no more rows than its page can."""
    query = dynamodb._query
    seen = dict(vars(dynamodb))  # what the Query within sees of its module
    query_of_page = types.FunctionType(query.__code__, seen, query.__name__, query.__defaults__, query.__closure__)

    def query_one_page(data):
        name = dynamodb._normalize_table_name(data.get("TableName"))
        table = dynamodb._tables.get(name)
        with changing:
            try:
                found = rows_of_page(table, data) if table else None
            except (KeyError, IndexError, TypeError, AttributeError, ValueError):
                found = None  # malformed, or more than is understood here: MiniStack sees to it
            if found is None:
                return query(data)
            index, partition, at = found
            rows = {}
            for pk, sk in at:
                rows.setdefault(pk, {})[sk] = table["items"][pk][sk]
        part = table | {"items": rows}
        if index:
            part[dynamodb._INDEX_MEMBERS] = {index: {partition: dict.fromkeys(at)}}
        seen["_tables"] = {name: part}
        return query_of_page(data)

    dynamodb._query = query_one_page


def read_pages_of_large_partitions():
    keep_in_order()
    query_pages()
