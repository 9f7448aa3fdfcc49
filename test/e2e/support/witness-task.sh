#!/bin/sh
# What a task of the end-to-end tests runs: it testifies of itself in a file outside the product.
#   witness-task.sh FOLDER SECONDS EXIT_CODE
# Lines: start|stop|overlap TASK ATTEMPT AGENT PID. Appends this short are not torn.
agent=${FLUXFORGE_MARK%%/*}
mine="$FLUXFORGE_TASK_ID $FLUXFORGE_ATTEMPT $agent $$"
pid_file="$1/pid.$agent.$FLUXFORGE_TASK_ID"
# An earlier run of this task on this machine that still lives; a zombie has no environment any more.
if old=$(cat "$pid_file" 2>/dev/null) &&
  tr '\0' '\n' 2>/dev/null <"/proc/$old/environ" | grep -qx "FLUXFORGE_TASK_ID=$FLUXFORGE_TASK_ID"; then
  echo "overlap $mine" >>"$1/witness"
fi
echo $$ >"$pid_file"
echo "start $mine" >>"$1/witness"
echo "out $FLUXFORGE_TASK_ID"
sleep "$2"
echo "stop $mine" >>"$1/witness"
exit "$3"
