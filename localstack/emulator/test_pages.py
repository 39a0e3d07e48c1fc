"""A page of a large partition is what MiniStack itself would answer."""

import asyncio
import json
import random
import unittest

from ministack.services import dynamodb

import pages

query = dynamodb._query
pages.LARGE = 4
pages.read_pages_of_large_partitions()

TABLE = {
    "TableName": "people",
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "gpk", "gsk")],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by-day",
            "KeySchema": [{"AttributeName": "gpk", "KeyType": "HASH"}, {"AttributeName": "gsk", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
}


def call(action, **request):
    status, _, body = asyncio.run(
        dynamodb.handle_request("POST", "/", {"x-amz-target": "DynamoDB_20120810." + action}, json.dumps(request).encode(), {})
    )
    return status, json.loads(body)


class Pages(unittest.TestCase):
    def setUp(self):
        self.random = random.Random(20261121)
        self.assertEqual(call("CreateTable", **TABLE)[0], 200)
        self.addCleanup(call, "DeleteTable", TableName="people")

    def text(self):
        return {"S": "".join(self.random.choices(["a", "b", "#", "é", "\U0001f600"], k=self.random.randint(1, 3)))}

    def key(self):
        return {"pk": {"S": self.random.choice("pq")}, "sk": self.text()}

    def change(self):
        if self.random.random() < 0.3:
            self.assertEqual(call("DeleteItem", TableName="people", Key=self.key())[0], 200)
            return
        row = self.key() | {"n": {"N": str(self.random.randint(0, 3))}}
        if self.random.random() < 0.7:
            row |= {"gpk": {"S": self.random.choice("gh")}, "gsk": self.text()}
        self.assertEqual(call("PutItem", TableName="people", Item=row)[0], 200)

    def asked(self):
        index = self.random.random() < 0.5
        partition, sort = ("gpk", "gsk") if index else ("pk", "sk")
        condition = self.random.choice(
            ["", " AND begins_with({}, :bound)", " AND {} < :bound", " AND {} >= :bound", " AND {} = :bound", " AND #s < :bound"]
        )
        request = {
            "TableName": "people",
            "KeyConditionExpression": f"{partition} = :p" + condition.format(sort),
            "ExpressionAttributeValues": {":p": {"S": self.random.choice("gh" if index else "pq")}},
            "ScanIndexForward": self.random.random() < 0.5,
            "Limit": self.random.randint(1, 4),
        }
        if index:
            request["IndexName"] = "by-day"
        if condition:
            request["ExpressionAttributeValues"][":bound"] = self.text()
        if "#s" in condition:
            request["ExpressionAttributeNames"] = {"#s": sort}
        if self.random.random() < 0.3:
            request |= {"FilterExpression": "n > :n"}
            request["ExpressionAttributeValues"][":n"] = {"N": "1"}
        return request

    def same(self, request):
        """The answer to a Query, which is the same with and without pages."""
        paged = call("Query", **request)
        status, _, body = query(json.loads(json.dumps(request)))
        self.assertEqual(paged, (status, json.loads(body)), request)
        return paged[1]

    def test_answers_are_the_same(self):
        for _ in range(200):
            self.change()
        pages_read = rows_read = 0
        for _ in range(200):
            self.change()
            request = self.asked()
            while True:
                page = self.same(request)
                pages_read, rows_read = pages_read + 1, rows_read + len(page.get("Items", ()))
                if "LastEvaluatedKey" not in page:
                    break
                request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
        self.assertGreater(rows_read, pages_read)
        self.assertTrue(all(pages.orders[id(dynamodb._tables["people"])].partitions.values()))

    def test_what_is_malformed_is_told_by_ministack(self):
        for _ in range(20):
            self.change()
        for change in (
            {"ExclusiveStartKey": {"pk": {"S": "p"}}},
            {"Limit": 0},
            {"Limit": "1"},
            {"KeyConditionExpression": "pk = :none"},
            {"KeyConditionExpression": "pk = :p AND sk < :p AND sk > :p"},
            {"KeyConditionExpression": "pk = :p AND"},
            {"ExpressionAttributeValues": {":p": {"N": "1"}}},
            {"IndexName": "none"},
        ):
            self.same({"TableName": "people", "KeyConditionExpression": "pk = :p", "Limit": 2,
                       "ExpressionAttributeValues": {":p": {"S": "p"}}} | change)


if __name__ == "__main__":
    unittest.main()
