# The image of the pipeline step: one static binary, the CAs that systems trust, an empty /tmp, and nothing else.
#
#   docker build --tag "$ROLLOUT_PLUS_IMAGE" --build-arg VERSION=v0.1.0 --build-arg REVISION="$(git rev-parse HEAD)" \
#       --build-arg CREATED="$(date -u +%Y-%m-%dT%H:%M:%SZ)" --build-arg SOURCE="$ROLLOUT_PLUS_SOURCE" .
#
# A tag can be moved: for a release name the image that builds by its digest, --build-arg BUILDER=rust@sha256:..., and let
# 'docker buildx build --sbom=true --provenance=mode=max' note what went in. Nothing of that image but the CAs is in ours.
ARG BUILDER=rust:1.95.0-bookworm
FROM $BUILDER AS build
WORKDIR /src
COPY . .
RUN make image-root

# 'testbed/cluster image-of' reads this stage, so that what the test runs is what stands here.
FROM scratch
ARG VERSION
ARG REVISION
ARG CREATED
ARG SOURCE
LABEL org.opencontainers.image.title="kubectl rollout-plus" \
      org.opencontainers.image.description="Progressive delivery for Kubernetes with nothing installed in the cluster" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.created="$CREATED" \
      org.opencontainers.image.source="$SOURCE"
COPY --from=build /src/target/image/ /
# A number: that it is not root can be checked without a list of users.
USER 65532:65532
ENTRYPOINT ["/kubectl-rollout_plus"]
