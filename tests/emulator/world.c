// SPDX-License-Identifier: Apache-2.0
// The one lock and what is behind it. Must never do I/O. Any thread.
#include "world.h"

#include "clock.h"

void world_init(struct world *world, uint64_t seed)
{
    *world = (struct world){.chance = {.state = seed}};
    pthread_mutex_init(&world->lock, NULL);
    settings_init(&world->settings);
}

void world_lock(struct world *world)
{
    pthread_mutex_lock(&world->lock);
}

void world_unlock(struct world *world)
{
    pthread_mutex_unlock(&world->lock);
}

void world_now(const struct world *world, struct model_now *now)
{
    now->wall_ms = clock_wall_ms();
    now->api_ms = now->wall_ms + world->settings.clock_offset_ms;
    now->steady_ms = clock_steady_ms();
}

int64_t world_api_ms(struct world *world)
{
    struct model_now now;

    world_lock(world);
    world_now(world, &now);
    world_unlock(world);
    return now.api_ms;
}

void world_free(struct world *world)
{
    model_free(&world->model);
    tokens_free(&world->tokens);
    faults_clear(&world->faults);
    audit_free(&world->audit);
    pthread_mutex_destroy(&world->lock);
}
