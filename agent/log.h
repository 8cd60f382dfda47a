/*
 * One line per event on standard error, with the syslog level in front when
 * a journal reads it. Programs of the agent speak through this; its
 * libraries do not speak.
 */
#ifndef AGENT_LOG_H
#define AGENT_LOG_H

enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_INFO = 6
};

void log_open(const char *program);
void log_line(enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
