# Laid out as distribution's image: the same entry point, ports, volume and places of the configuration.
#   docker build -t layover .
#   docker run -d -p 5000:5000 -v layover:/var/lib/registry layover
FROM node:24-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build && npm prune --omit=dev

FROM node:24-slim
# Where a configuration may be mounted: registry:3's place, then registry:2's. Without one, config/docker.yml is served.
ENV NODE_ENV=production \
    LAYOVER_CONFIGURATION_PLACES=/etc/distribution/config.yml:/etc/docker/registry/config.yml
WORKDIR /opt/layover
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
COPY config ./config
COPY LICENSE ./
# A directory that another image filled belongs to root: `chown -R 1000:1000` it once, or run with `--user 0`.
RUN ln -s /opt/layover/dist/main.js /usr/local/bin/layover \
 && ln -s /opt/layover/dist/main.js /usr/local/bin/registry \
 && cp config/docker.yml config/default.yml \
 && install -d -o node -g node /var/lib/registry
USER node
VOLUME /var/lib/registry
EXPOSE 5000 5001
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s \
  CMD ["layover", "healthcheck"]
ENTRYPOINT ["layover"]
CMD ["serve"]
