// SPDX-License-Identifier: Apache-2.0
// The page's files, in the program itself: the build takes them from bridge/web/. Constant; any thread.
#ifndef IO_WEB_ASSETS_H
#define IO_WEB_ASSETS_H

#include "base/bytes.h"

struct web_asset {
    const char *path; // of the URL
    const char *type;
    const char *begin, *end;
};

const struct web_asset *web_asset_find(const char *path); // NULL: there is none

#endif
