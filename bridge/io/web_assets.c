// SPDX-License-Identifier: Apache-2.0
// See web_assets.h. The assembler puts the files in as they are; CMakeLists.txt names their folder and makes this file
// depend on them. Must never hold a copy that somebody has to keep up to date.
#include "io/web_assets.h"
#include <string.h>

#define EMBED(symbol, file)                                                                                            \
    __asm__(".pushsection .rodata\n"                                                                                   \
            ".global web_" #symbol "_begin\n"                                                                          \
            ".global web_" #symbol "_end\n"                                                                            \
            "web_" #symbol "_begin:\n"                                                                                 \
            ".incbin \"" WEB_FOLDER "/" file "\"\n"                                                                    \
            "web_" #symbol "_end:\n"                                                                                   \
            ".byte 0\n"                                                                                                \
            ".popsection\n");                                                                                          \
    extern const char web_##symbol##_begin[] __attribute__((visibility("hidden")));                                    \
    extern const char web_##symbol##_end[] __attribute__((visibility("hidden")))

EMBED(page, "index.html");
EMBED(style, "app.css");
EMBED(script, "app.js");

static const struct web_asset assets[] = {
    {"/", "text/html; charset=utf-8", web_page_begin, web_page_end},
    {"/app.css", "text/css; charset=utf-8", web_style_begin, web_style_end},
    {"/app.js", "text/javascript; charset=utf-8", web_script_begin, web_script_end},
};

const struct web_asset *web_asset_find(const char *path)
{
    for (size_t i = 0; i < sizeof assets / sizeof assets[0]; i++) {
        if (strcmp(assets[i].path, path) == 0) {
            return &assets[i];
        }
    }
    return NULL;
}
