# The worker (and every other verb): mount the folder with flotilla.config.ts and its migrations at /fleet.
FROM node:20-slim AS build
WORKDIR /opt/flotilla
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY migrations migrations
COPY src src
RUN npm run build && npm prune --omit=dev --no-audit --no-fund

FROM node:20-slim
ENV NODE_ENV=production
COPY --from=build /opt/flotilla /opt/flotilla
RUN ln -s /opt/flotilla/dist/cli.js /usr/local/bin/flotilla && chmod +x /opt/flotilla/dist/cli.js
WORKDIR /fleet
USER node
# SIGTERM: the tenant in hand is finished, the rest of its list is handed back
STOPSIGNAL SIGTERM
ENTRYPOINT ["flotilla"]
CMD ["worker"]
