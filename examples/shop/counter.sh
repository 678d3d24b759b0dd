# Counts ten times a second, on the terminal that it is given.
tty
n=0
while sleep 0.1; do
	n=$((n + 1))
	echo "tick $n"
done
