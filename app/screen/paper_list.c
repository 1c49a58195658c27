#include "config.h"

#include "screen/paper_list.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "host/paths.h"

#define FILE_CEILING (4 << 20)

void papers_each(void (*take)(void *ctx, const json_t *paper), void *ctx)
{
    char *file = spn_path_join(paths()->data, "papers/papers.jsonl"), *text = NULL, *line;

    if (file != NULL && spn_file_read(&text, NULL, file, FILE_CEILING, NULL) == SPN_OK)
        for (line = text; *line != '\0';) {
            size_t n = strcspn(line, "\n");
            json_t *paper = json_loadb(line, n, 0, NULL);

            if (paper != NULL)
                take(ctx, paper);
            json_decref(paper);
            line += n + (line[n] == '\n');
        }
    spn_free(text);
    spn_free(file);
}
