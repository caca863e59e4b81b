"""Tests of loss recovery and congestion control without a connection, and in one."""
