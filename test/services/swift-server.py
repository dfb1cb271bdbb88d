#!/usr/bin/env python3
"""An S3 server for tests: OpenStack Swift with its s3api, all four servers of it in this process.

    swift-server.py FOLDER [[ADDRESS:]PORT]

Makes its configuration, rings and data below FOLDER (its file system needs extended attributes), prints one line of JSON with
endpoint and keys when it answers, and ends when its stdin does. `GET /.counts` gives how many requests of each kind there
were since the last such question, and bytes in and out, as JSON. Needs Debian's python3-swift, swift-proxy, swift-account,
swift-container and swift-object; root's rights are not needed.
"""
import eventlet

eventlet.monkey_patch()

import json
import logging
import os
import pwd
import socket
import subprocess
import sys
import time

from eventlet import wsgi
from swift.common import constraints, utils
from swift.common.http_protocol import SwiftHttpProtocol
from swift.common.ring import RingBuilder
from swift.common.utils import NullLogger
from swift.common.wsgi import init_request_processor

folder = os.path.abspath(sys.argv[1])
address, _, wanted_port = (sys.argv[2] if len(sys.argv) > 2 else "0").rpartition(":")
address = address or "127.0.0.1"
user = pwd.getpwuid(os.geteuid()).pw_name
ACCESS_KEY, SECRET_KEY = "test:tester", "testing"


def listen(host="127.0.0.1", port=0):
    sock = eventlet.listen((host, port), backlog=512)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


sockets = {name: listen() for name in ("account", "container", "object")}
sockets["proxy"] = listen(address, int(wanted_port))
ports = {name: sock.getsockname()[1] for name, sock in sockets.items()}
os.makedirs(os.path.join(folder, "devices", "disk"), exist_ok=True)


def conf(name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as out:
        out.write(text)
    return path


conf("swift.conf", "[swift-hash]\nswift_hash_path_suffix = coresieve\nswift_hash_path_prefix = test\n"
     "[swift-constraints]\nmax_file_size = 5368709122\n")
# Debian's packages may, or may not, have left an /etc/swift/swift.conf, which is read otherwise.
utils.set_swift_dir(folder)
constraints.reload_constraints()
for name in ("account", "container", "object"):
    # One replica of everything, on one device.
    ring = RingBuilder(4, 1, 0)
    ring.add_dev({"id": 0, "region": 1, "zone": 1, "weight": 1, "ip": "127.0.0.1", "port": ports[name], "device": "disk",
                  "replication_ip": "127.0.0.1", "replication_port": ports[name]})
    ring.rebalance()
    ring.get_ring().save(os.path.join(folder, name + ".ring.gz"))

common = f"""[DEFAULT]
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
bind_ip = 127.0.0.1
user = {user}
log_level = ERROR
fallocate_reserve = 0
"""
apps = {}
for name in ("account", "container", "object"):
    apps[name] = conf(name + ".conf", common + f"""
[pipeline:main]
pipeline = {name}-server
[app:{name}-server]
use = egg:swift#{name}
disable_fallocate = true
""")
# S3's own limits, where Swift's are lower as it is shipped: 10,000 parts, 5 MiB at least.
apps["proxy"] = conf("proxy.conf", common + f"""
[pipeline:main]
pipeline = catch_errors gatekeeper listing_formats bulk s3api tempauth slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
dns_compliant_bucket_names = true
max_upload_part_num = 10000
max_parts_listing = 10000
min_segment_size = 5242880
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = {SECRET_KEY} .admin
user_test_reader = reading .none
[filter:slo]
use = egg:swift#slo
max_manifest_segments = 10000
max_manifest_size = 33554432
[filter:dlo]
use = egg:swift#dlo
""")

class Cache:
    """Stands for memcached, which Swift's authentication cannot do without."""

    def __init__(self):
        self.held = {}

    def get(self, key, **_):
        value, until = self.held.get(key, (None, 0))
        return json.loads(value) if value is not None and time.time() < until else None

    def set(self, key, value, time=0, **_):
        self.held[key] = (json.dumps(value), now() + (time or 3600))

    def delete(self, key, **_):
        self.held.pop(key, None)

    def incr(self, key, delta=1, time=0, **_):
        value = (self.get(key) or 0) + delta
        self.set(key, value, time=time)
        return value


now = time.time
cache = Cache()


counts = {}


def kind_of(environ):
    """An S3 operation, by how it is asked for (S3 API reference)."""
    method = environ["REQUEST_METHOD"]
    query = {part.split("=")[0] for part in environ.get("QUERY_STRING", "").split("&")}
    of_object = environ["PATH_INFO"].strip("/").count("/") > 0
    if "uploads" in query:
        return "CreateMultipartUpload" if method == "POST" else "ListMultipartUploads"
    if "uploadId" in query:
        return {"PUT": "UploadPart", "POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload"}.get(method, "ListParts")
    verb = {"GET": "Get", "HEAD": "Head", "PUT": "Put", "DELETE": "Delete"}.get(method, method)
    return verb + "Object" if of_object else "ListObjects" if verb == "Get" else verb + "Bucket"


def count(kind, received, sent):
    entry = counts.setdefault(kind, {"requests": 0, "received": 0, "sent": 0})
    for name, n in (("requests", 1), ("received", received), ("sent", sent)):
        entry[name] += n


def front(app):
    def run(environ, start_response):
        global counts
        if environ["PATH_INFO"] == "/.counts":
            told, counts = json.dumps(counts).encode(), {}
            start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(told)))])
            return [told]
        environ["swift.cache"] = cache
        kind, received = kind_of(environ), int(environ.get("CONTENT_LENGTH") or 0)

        def answer(status, headers, exc_info=None):
            length = next((value for name, value in headers if name.lower() == "content-length"), 0)
            count(kind, received, int(length) if environ["REQUEST_METHOD"] == "GET" else 0)
            return start_response(status, headers, exc_info)

        return app(environ, answer)
    return run


for name in ("account", "container", "object", "proxy"):
    app, _, _, _ = init_request_processor(apps[name], name + "-server")
    eventlet.spawn(wsgi.server, sockets[name], front(app) if name == "proxy" else app, NullLogger(),
                   protocol=SwiftHttpProtocol, custom_pool=eventlet.GreenPool(256), log_output=False,
                   capitalize_response_headers=False)

# What goes wrong in Swift itself; by itself it tells only syslog.
log = logging.FileHandler(os.path.join(folder, "swift.log"))
for one in list(logging.Logger.manager.loggerDict.values()):
    if isinstance(one, logging.Logger) and not one.propagate:
        one.addHandler(log)

print(json.dumps({"endpoint": f"http://{address}:{ports['proxy']}", "accessKeyId": ACCESS_KEY,
                  "secretAccessKey": SECRET_KEY, "region": "us-east-1", "pid": os.getpid()}), flush=True)


def until_stdin_ends():
    while eventlet.tpool.execute(os.read, 0, 4096):
        pass
    os._exit(0)


eventlet.spawn(until_stdin_ends).wait()
