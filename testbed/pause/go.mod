module rollout-plus.test/testbed/pause

go 1.24
