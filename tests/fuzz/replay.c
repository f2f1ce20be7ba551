// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target over every file of the folders that are named: what ctest does with the corpora where the
// compiler has no libFuzzer. A failure is the target's abort; a folder without files is one, too.
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX_BYTES 1048576

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return -1;
    }
    uint8_t *room = malloc(INPUT_MAX_BYTES);
    size_t size = room != NULL ? fread(room, 1, INPUT_MAX_BYTES, file) : 0;
    fclose(file);
    // A block of exactly that size, so that a sanitizer sees a read behind it.
    uint8_t *data = malloc(size + (size == 0));
    if (room == NULL || data == NULL) {
        fprintf(stderr, "%s: out of memory\n", path);
        free(room);
        free(data);
        return -1;
    }
    memcpy(data, room, size);
    free(room);
    fprintf(stderr, "%s\n", path);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 0;
}

// The number of files that were replayed, -1 on an error.
static int replay_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    int count = 0;

    if (dir == NULL) {
        perror(folder);
        return -1;
    }
    for (struct dirent *entry = readdir(dir); entry != NULL && count >= 0; entry = readdir(dir)) {
        char path[4096];
        if (entry->d_name[0] == '.') {
            continue;
        }
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        count = replay_file(path) == 0 ? count + 1 : -1;
    }
    closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (replay_folder(argv[i]) <= 0) {
            fprintf(stderr, "%s: nothing was replayed\n", argv[i]);
            return 1;
        }
    }
    return argc > 1 ? 0 : 1;
}
