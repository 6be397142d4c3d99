# Laid out as distribution's image: the same entry point, ports, volume and places of the configuration.
#   docker build -t layover .
#   docker run -d -p 5000:5000 -v layover:/var/lib/registry layover
# `npm run image` makes a smaller image with the same settings, from Debian and npm packages, without a base image.
FROM node:24-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
COPY scripts/build ./scripts/build
RUN npm run build && npm prune --omit=dev

FROM node:24-slim
ARG VERSION=0.1.0
ARG REVISION
LABEL org.opencontainers.image.title="layover" \
      org.opencontainers.image.description="Pull-through cache and registry for container images" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Where a configuration may be mounted: registry:3's place, then registry:2's. Without one, config/docker.yml is served.
ENV NODE_ENV=production \
    LAYOVER_CONFIGURATION_PLACES=/etc/distribution/config.yml:/etc/docker/registry/config.yml
WORKDIR /opt/layover
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
COPY config ./config
COPY LICENSE ./
# User 1000 is called node here. A volume that another image filled may belong to root; Layover's error names both remedies.
RUN ln -s /opt/layover/dist/main.js /usr/bin/layover \
 && ln -s /opt/layover/dist/main.js /usr/bin/registry \
 && cp config/docker.yml config/default.yml \
 && install -d -o 1000 -g 1000 /var/lib/registry
USER 1000:1000
VOLUME /var/lib/registry
EXPOSE 5000 5001
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s \
  CMD ["layover", "healthcheck"]
ENTRYPOINT ["/bin/layover"]
CMD ["serve"]
