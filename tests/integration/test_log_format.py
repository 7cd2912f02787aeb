"""The log as JSON."""

import json

from harness.process import wait_for
from own_mesh import OwnMesh


class LogFormat(OwnMesh):
    ENV = {"LOG_FORMAT": "json"}

    def test_json_access_log(self):
        s = self.open()
        s.close()
        lines = wait_for(lambda: self.node_a.daemon.lines('"scope":"access"'), "an access line")
        record = json.loads(lines[-1])
        self.assertEqual(record["level"], "info")
        self.assertEqual(record["message"], "connection complete")
        self.assertEqual(record["direction"], "outbound")
        self.assertEqual(record["bytes_sent"], 5)
        self.assertEqual(record["bytes_recv"], 5)
        for line in self.node_a.daemon.log().splitlines():
            json.loads(line)
