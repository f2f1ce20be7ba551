// SPDX-License-Identifier: Apache-2.0
// Where the process starts. Must never do anything but hand over to a subcommand.
#include "cli/cli.h"

int main(int argc, char **argv)
{
    return cli_main(argc, argv);
}
