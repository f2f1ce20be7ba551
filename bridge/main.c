// SPDX-License-Identifier: Apache-2.0
// Where the process starts. Must never do anything but hand over to a subcommand.
#include "cli/cli.h"

// GnuTLS, which libcurl is linked with for RTMP alone, otherwise sets itself up at every start: 1.5 MB of a gateway's
// memory. This is its documented switch (GNUTLS_SKIP_GLOBAL_INIT in gnutls.h); where GnuTLS is absent it means nothing.
int _gnutls_global_init_skip(void);
int _gnutls_global_init_skip(void)
{
    return 1;
}

// libmicrohttpd, which speaks no TLS here, would wake it all the same when it is loaded.
int gnutls_global_init(void);
int gnutls_global_init(void)
{
    return 0;
}

int main(int argc, char **argv)
{
    return cli_main(argc, argv);
}
