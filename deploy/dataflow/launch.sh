#!/usr/bin/env bash
# Builds the images and the flex template, and launches it on machines with one L4 each. Needs docker and gcloud.
#   PROJECT=… REGION=… BUCKET=… REPOSITORY=… KAFKA=broker:9092 deploy/dataflow/launch.sh
# MODEL is a directory inside the image (docs/deploying.md): Dataflow mounts nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${PROJECT:?}" "${REGION:?}" "${BUCKET:?}" "${REPOSITORY:?}" "${KAFKA:?host:port, reachable from the workers}"
VERSION=0.1.0
MODEL="${MODEL:-/models/Qwen3-VL-8B-Instruct}"
IMAGE="${IMAGE:-$REGION-docker.pkg.dev/$PROJECT/$REPOSITORY/captionstream:$VERSION}"
TEMPLATE="gs://$BUCKET/templates/captionstream-$VERSION.json"

if [[ -z "${SKIP_BUILD:-}" ]]; then
  docker build --file deploy/docker/Dockerfile --tag "captionstream:$VERSION" .
  docker build --file deploy/dataflow/Dockerfile --tag "$IMAGE" .
  docker push "$IMAGE"
fi
gcloud dataflow flex-template build "$TEMPLATE" --project="$PROJECT" --image="$IMAGE" --sdk-language=PYTHON \
  --metadata-file=deploy/dataflow/metadata.json

# ~ between the parameters: their values hold commas and semicolons.
gcloud dataflow flex-template run "captionstream-$(date +%Y%m%d-%H%M%S)" \
  --project="$PROJECT" --region="$REGION" --template-file-gcs-location="$TEMPLATE" \
  --temp-location="gs://$BUCKET/temp" --staging-location="gs://$BUCKET/staging" \
  --worker-machine-type=g2-standard-8 --num-workers=1 --max-workers=4 \
  --additional-experiments=no_use_multiple_sdk_containers \
  --parameters="^~^bootstrap_servers=$KAFKA~model=$MODEL~device=cuda~dtype=bfloat16~slots=64~sdk_container_image=$IMAGE~disk_size_gb=100~dataflow_service_options=worker_accelerator=type:nvidia-l4;count:1;install-nvidia-driver"
