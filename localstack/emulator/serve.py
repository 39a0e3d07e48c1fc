"""Runs MiniStack as Lapak's local cloud needs it; localstack/README.md tells what is mended and why.

Every mend names the behaviour of MiniStack 1.5.33 that makes it necessary; when the pinned version changes, try each
without it. Standard output carries what the functions' processes do, one JSON object a line; MiniStack's own log goes
to standard error.
"""

import copy
import gc
import json
import mmap
import os
import socketserver
import sys
import threading
import time

import ministack.app
from ministack.core import lambda_runtime
from ministack.services import dynamodb, lambda_svc, s3
from ministack.services.cloudformation import provisioners

import pages

functions_output = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
functions_output_lock = threading.Lock()
sys.stdout = sys.stderr


def tell(function, event, **fields):
    """Writes one line: event is start, line or exit of a process, begin or end of an invocation."""
    record = json.dumps({"function": function, "event": event} | fields)
    with functions_output_lock:
        functions_output.write(record + "\n")


def tell_what_functions_do():
    """Log lines reach CloudWatch Logs when their invocation has ended; here each is told as it is written."""

    class Told:
        def __init__(self, stream, function, pid):
            self.stream, self.function, self.pid = stream, function, pid

        def readline(self):
            raw = self.stream.readline()
            if raw:
                line = raw.decode("utf-8", errors="replace").rstrip("\r\n")
                tell(self.function, "line", pid=self.pid, line=line)
            else:
                tell(self.function, "exit", pid=self.pid)
            return raw

        def close(self):
            self.stream.close()

    pump = lambda_runtime.ProvidedWorker._pump_output

    def pump_and_tell(worker, stream, log_queue):
        pid = worker._proc.pid
        tell(worker.func_name, "start", pid=pid)
        pump(worker, Told(stream, worker.func_name, pid), log_queue)

    lambda_runtime.ProvidedWorker._pump_output = pump_and_tell

    execute = lambda_svc._execute_function_dispatch

    def execute_and_tell(func, config, event, request_id, started):
        function, began = config.get("FunctionName", ""), time.monotonic()
        tell(function, "begin", request=request_id)
        result = {"error": True}
        try:
            result = execute(func, config, event, request_id, started)
            return result
        finally:
            failed = bool(isinstance(result, dict) and result.get("error"))
            tell(function, "end", request=request_id, failed=failed, seconds=time.monotonic() - began)

    lambda_svc._execute_function_dispatch = execute_and_tell


def send_small_answers_at_once():
    """Nagle's algorithm makes every answer of the runtime API wait: 52 ms an invocation instead of 9."""
    socketserver.StreamRequestHandler.disable_nagle_algorithm = True


def deploy_alarms_on_metric_math():
    """An alarm on an expression is refused; it is deployed as an alarm on the first metric of the expression."""
    record = provisioners._cw_metric_alarm_record

    def record_of_first_metric(name, props):
        metrics = [m["MetricStat"] for m in props.get("Metrics") or [] if "MetricStat" in m]
        if metrics:
            props = {key: value for key, value in props.items() if key != "Metrics"}
            props |= metrics[0]["Metric"]
            props |= {"Statistic": metrics[0]["Stat"], "Period": metrics[0]["Period"]}
        return record(name, props)

    provisioners._cw_metric_alarm_record = record_of_first_metric


def read_numbers_of_parameters():
    """MaximumConcurrency that comes from a parameter stays a string, and the poller compares it with a number."""
    concurrency = lambda_svc._sqs_esm_concurrency

    def concurrency_of_number(mapping, *rest):
        scaling = mapping.get("ScalingConfig") or {}
        if "MaximumConcurrency" in scaling:
            scaling["MaximumConcurrency"] = int(scaling["MaximumConcurrency"])
        return concurrency(mapping, *rest)

    lambda_svc._sqs_esm_concurrency = concurrency_of_number


def send_failed_stream_batches_again():
    """ReportBatchItemFailures of a stream is not read. A batch with a failure is sent again, whole."""
    execute = lambda_svc._execute_function

    def execute_and_read_failures(func, event):
        result = execute(func, event)
        records = event.get("Records") if isinstance(event, dict) else None
        body = result.get("body")
        if records and records[0].get("eventSource") == "aws:dynamodb" and isinstance(body, dict):
            failures = body.get("batchItemFailures")
            if failures:
                message = f"{len(failures)} of {len(records)} stream records failed"
                return result | {"error": True, "body": {"errorType": "BatchItemFailures", "errorMessage": message}}
        return result

    lambda_svc._execute_function = execute_and_read_failures


def keep_streams_over_restarts():
    """Read positions of streams are saved but the streams are not, so after a restart new records are never read."""
    get_state, load_state = dynamodb.get_state, dynamodb.load_persisted_state

    def get_state_with_streams():
        streams = {
            "records": copy.deepcopy(dynamodb._stream_records),
            "trimmed": copy.deepcopy(dynamodb._stream_trimmed),
            "sequence": dynamodb._stream_seq_counter,
        }
        return get_state() | {"lapak_streams": streams}

    def load_state_with_streams(data):
        streams = (data or {}).get("lapak_streams")
        if streams:
            dynamodb._stream_records.update(streams["records"])
            dynamodb._stream_trimmed.update(streams["trimmed"])
            dynamodb._stream_seq_counter = streams["sequence"]
        load_state(data)

    dynamodb.get_state, dynamodb.load_persisted_state = get_state_with_streams, load_state_with_streams


def stop_functions_before_saving():
    """Saving first would lose what functions still do; a running one would hold up the stop until it ends."""
    save_all = ministack.app.save_all

    def stop_and_save(services):
        lambda_runtime.reset()
        save_all(services)

    ministack.app.save_all = stop_and_save


def read_ranges_where_they_are():
    """A GetObject of a range reads the whole object from disk: gigabytes for each piece of a large one."""
    get_object, read_body = s3._get_object, s3._read_body
    asked = threading.local()

    def get_object_and_tell(bucket_name, key, headers, *rest, **named):
        asked.range = bool(headers.get("range"))
        try:
            return get_object(bucket_name, key, headers, *rest, **named)
        finally:
            asked.range = False

    def read_mapped(bucket_name, key, obj):
        path = s3._object_disk_path(bucket_name, key) if s3.S3_PERSIST and obj.get("body") is None else None
        if not getattr(asked, "range", False) or path is None or not os.path.exists(path) or os.path.getsize(path) == 0:
            return read_body(bucket_name, key, obj)
        with open(path, "rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # a slice of it is bytes

    s3._get_object, s3._read_body = get_object_and_tell, read_mapped


def collect_what_is_young():
    """A full garbage collection goes through each row of each table, and all wait: seconds with 100,000 people."""
    gc.set_threshold(10_000, 10, 1_000_000)


tell_what_functions_do()
collect_what_is_young()
pages.read_pages_of_large_partitions()
send_small_answers_at_once()
read_ranges_where_they_are()
deploy_alarms_on_metric_math()
read_numbers_of_parameters()
send_failed_stream_batches_again()
keep_streams_over_restarts()
stop_functions_before_saving()
ministack.app.main()
