"""S3 on loopback for tests: moto's server, a proxy that breaks things, and what fills a bucket."""

from tests.servers.api_log import ApiLog
from tests.servers.fault_proxy import Fault, FaultProxy, plan_faults
from tests.servers.s3_server import run_s3_server
from tests.servers.uploading import make_test_client, upload_folder

__all__ = ["ApiLog", "Fault", "FaultProxy", "make_test_client", "plan_faults", "run_s3_server", "upload_folder"]
