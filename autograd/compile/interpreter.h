/* The interpreter's loop. */
