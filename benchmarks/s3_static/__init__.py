"""A bare S3 of LIST, HEAD and GET on loopback, as fast as asyncio goes, to measure clients against.

moto answers some 250 requests a second and hides what a client costs. Use: ``python -m benchmarks.s3_static FOLDER``.
"""
