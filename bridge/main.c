// SPDX-License-Identifier: Apache-2.0
// Where the process starts. Must never do anything but hand over to a subcommand.
int main(void)
{
    return 0;
}
